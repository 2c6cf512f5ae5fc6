package model

import "aircache.dev/aircache/runtime/backend"

// embedBehindClass makes rows of patches, before those of each tile the class token, as CLIP does: learned positions for all
// of them, and a norm before the first layer.
//
//	2 tiles of 3 patches: c a1 a2 a3 c b1 b2 b3
func (t *tower) embedBehindClass(s *towerSpace, patches backend.Tensor, tiles int) {
	both := s.attended.Top(1 + patches.Rows) // the token, then all patches
	t.ops.Gather(both.Top(1), t.class, []int32{0})
	t.ops.Linear(both.Slice(1, both.Rows), patches, t.embed, t.embedBias, false)
	t.ops.Gather(s.normed, both, behindFirst(tiles, t.patches()))
	t.ops.Add(s.normed, t.position)
	t.ops.LayerNorm(s.x, s.normed, t.pre, t.preBias, t.eps)
}

// behindFirst puts row 0 before every group of the rows behind it.
func behindFirst(groups, size int) []int32 {
	rows := make([]int32, 0, groups*(1+size))
	for g := range groups {
		rows = append(append(rows, 0), upwards(1+g*size, size)...)
	}
	return rows
}
