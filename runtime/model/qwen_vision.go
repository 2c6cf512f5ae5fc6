package model

import (
	"fmt"
	"slices"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/image"
)

// qwenTower is the vision tower of Qwen2-VL (arXiv 2409.12191), Qwen2.5-VL (2502.13923) and Qwen3-VL with its merger: pictures of
// any size, heads turned by the line and column of each patch, and merge x merge patches merged into one row. In Qwen2.5-VL most
// layers see windows only. Qwen3-VL has learned places too, and merges the rows of some layers for the decoder's first ones.
//
//	picture [3, 14*h, 14*w] -> patches [h*w, 588] -> layers [h*w, 1280] -> merged [h*w/4, 5120] -> rows [h*w/4, hidden]
type qwenTower struct {
	qwenSettings
	ops    *backend.Checked
	cutter *cutter

	embed     []backend.Tensor // of each frame: a picture is as many equal ones
	embedBias backend.Tensor   // Qwen3-VL's
	place     backend.Tensor   // [places * places, hidden], Qwen3-VL's
	blocks    []qwenBlock
	merger    qwenMerger
	deepMerge []qwenMerger // of the layers in deep
	turns     turns

	space  workspace // of patches
	merged workspace // of rows
	host   []float32 // angles
}

// accepts pictures of whole visual tokens.
func (t *qwenTower) accepts(px image.Pixels) error {
	unit := t.side * t.merge
	if px.C != t.channels || px.H < unit || px.W < unit || px.H%unit != 0 || px.W%unit != 0 {
		return fmt.Errorf("the picture is %d x %d x %d (channels, height, width), %d and multiples of %d pixels wanted", px.C, px.H, px.W, t.channels, unit)
	}
	if px.Tiles() != 1 || px.Layout != nil {
		return fmt.Errorf("the picture has %d tiles, 1 without a layout wanted", px.Tiles())
	}
	return nil
}

// reserve makes room for a picture of as many patches as a prompt's unit has rows. A larger one makes more, once.
func (t *qwenTower) reserve() error {
	if err := t.cutter.space.reserve(longestUnit); err != nil {
		return err
	}
	if err := t.space.reserve(longestUnit); err != nil {
		return err
	}
	return t.merged.reserve(longestUnit / (t.merge * t.merge))
}

func (t *qwenTower) encode(dst backend.Tensor, px []image.Pixels) error {
	patches, err := t.cutter.cut(px)
	if err != nil {
		return err
	}
	to, from, all := 0, 0, dst.Rows/(1+len(t.deep))
	for _, p := range px {
		n := p.Patches(t.side)
		rows := n / (t.merge * t.merge)
		grid := image.Size{Height: p.H / t.side / t.merge, Width: p.W / t.side / t.merge}
		place := func(list int) backend.Tensor { return dst.Slice(list*all+to, list*all+to+rows) }
		if err := t.run(place, patches.Slice(from, from+n), grid); err != nil {
			return err
		}
		to, from = to+rows, from+n
	}
	return t.ops.Refused()
}

// qwenSpace are the activations of one picture.
type qwenSpace struct{ x, normed, qkv, attended, up, gated, angles backend.Tensor }

// run takes one picture's patches through the tower and the mergers. list 0 of its rows is what the decoder starts with, list i
// is added behind layer i-1.
func (t *qwenTower) run(list func(int) backend.Tensor, patches backend.Tensor, grid image.Size) error {
	var v [7]backend.Tensor
	if err := t.space.top(v[:], patches.Rows); err != nil {
		return err
	}
	s := qwenSpace{v[0], v[1], v[2], v[3], v[4], v[5], v[6]}
	a := arrange(grid, t.merge, t.window)
	for i, frame := range t.embed {
		bias := t.embedBias
		if i > 0 {
			bias = backend.Tensor{}
		}
		t.ops.Linear(s.normed, patches, frame, bias, i > 0)
	}
	t.ops.Gather(s.x, s.normed, a.patches)
	if t.places > 0 {
		rows, shares := stretched(a.patches, image.Size{Height: grid.Height * t.merge, Width: grid.Width * t.merge}, t.places)
		t.ops.Blend(s.normed, t.place, rows, shares)
		t.ops.Add(s.x, s.normed)
	}
	t.ops.Write(s.angles, t.angles(a.patches, grid.Width*t.merge))
	whole := []span{{0, patches.Rows, 1}}
	for i := range t.blocks {
		if t.seesWhole(i) {
			t.block(&t.blocks[i], &s, whole)
		} else {
			t.block(&t.blocks[i], &s, a.spans)
		}
		if deep := slices.Index(t.deep, i); deep >= 0 {
			if err := t.mergeInto(list(1+deep), &s, a.tokens, &t.deepMerge[deep]); err != nil {
				return err
			}
		}
	}
	return t.mergeInto(list(0), &s, a.tokens, &t.merger)
}

func (t *qwenTower) block(b *qwenBlock, s *qwenSpace, spans []span) {
	h := t.shape()
	t.norm(s.normed, s.x, b.norm1, b.norm1Bias)
	t.ops.Linear(s.qkv, s.normed, b.qkv, b.qkvBias, false)
	t.ops.Turn(s.qkv, s.angles, h)
	for _, w := range spans {
		t.ops.Mix(s.attended.Slice(w.from, w.to), s.qkv.Slice(w.from, w.to), w.windows, h)
	}
	t.ops.Linear(s.x, s.attended, b.out, b.outBias, true)

	t.norm(s.normed, s.x, b.norm2, b.norm2Bias)
	t.ops.Linear(s.up, s.normed, b.up, b.upBias, false)
	inner := s.up
	if t.gated {
		t.ops.GatedSiLU(s.gated, s.up)
		inner = s.gated
	} else {
		t.ops.Activate(s.up, t.act)
	}
	t.ops.Linear(s.x, inner, b.down, b.downBias, true)
}

func (t *qwenTower) norm(dst, x, weight, bias backend.Tensor) {
	if t.gated {
		t.ops.RMSNorm(dst, x, weight, qwenEps)
	} else {
		t.ops.LayerNorm(dst, x, weight, bias, qwenEps)
	}
}

// mergeInto makes rows of groups of patches, which lie one after the other, and puts them in the picture's order.
func (t *qwenTower) mergeInto(dst backend.Tensor, s *qwenSpace, tokens []int32, m *qwenMerger) error {
	var v [2]backend.Tensor
	if err := t.merged.top(v[:], len(tokens)); err != nil {
		return err
	}
	area := t.merge * t.merge
	if m.norm.Cols == t.hidden {
		t.norm(s.normed, s.x, m.norm, m.normBias)
	} else {
		t.norm(s.normed.Fold(area), s.x.Fold(area), m.norm, m.normBias)
	}
	t.ops.Linear(v[0], s.normed.Fold(area), m.fc1, m.fc1Bias, false)
	t.ops.Activate(v[0], backend.GELU)
	t.ops.Linear(v[1], v[0], m.fc2, m.fc2Bias, false)
	t.ops.Gather(dst, v[1], tokens)
	return t.ops.Refused()
}

// angles of patches: the first half of a head's pairs turns by the line, the other by the column.
func (t *qwenTower) angles(patches []int32, width int) []float32 {
	half := len(t.turns.inverse)
	n := len(patches) * 4 * half
	t.host = slices.Grow(t.host[:0], n)[:n]
	for i, patch := range patches {
		line, column := int(patch)/width, int(patch)%width
		to := t.host[i*4*half:][:4*half]
		lineCos, lineSin := t.turns.at(line)
		columnCos, columnSin := t.turns.at(column)
		copy(to, lineCos)
		copy(to[half:], columnCos)
		copy(to[2*half:], lineSin)
		copy(to[3*half:], columnSin)
	}
	return t.host
}
