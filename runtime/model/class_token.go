package model

import "aircache.dev/aircache/runtime/backend"

// embedBehindClass makes rows of patches, before those of each tile the class token: learned positions for all of them, and, in
// CLIP, a norm before the first layer.
//
//	2 tiles of 3 patches: c a1 a2 a3 c b1 b2 b3
func (t *tower) embedBehindClass(s *towerSpace, patches backend.Tensor, tiles int) {
	both := s.attended.Top(1 + patches.Rows) // the token, then all patches
	t.ops.Gather(both.Top(1), t.class, []int32{0})
	t.ops.Linear(both.Slice(1, both.Rows), patches, t.embed, t.embedBias, false)
	into := s.x
	if !t.pre.None() {
		into = s.normed
	}
	t.ops.Gather(into, both, behindFirst(tiles, t.patches()))
	t.ops.Add(into, t.position)
	if !t.pre.None() {
		t.ops.LayerNorm(s.x, into, t.pre, t.preBias, t.eps)
	}
}

// behindFirst puts row 0 before every group of the rows behind it.
func behindFirst(groups, size int) []int32 {
	rows := make([]int32, 0, groups*(1+size))
	for g := range groups {
		rows = append(append(rows, 0), upwards(1+g*size, size)...)
	}
	return rows
}
