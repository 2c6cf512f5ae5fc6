package plan

import (
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/kv"
)

// Request is what is assumed of every sequence.
type Request struct {
	Visual, Text int  // tokens of the prompt
	Answer       int  // tokens
	Permille     int  // of the visual tokens that stay
	Copied       bool // the device compacts whole prompts: see kv.Demand
}

// Sequences is how many requests the pool holds at once, all of them decoding, budgets equal in all layers. An uneven split over
// the layers takes a page more here and there: 1 % at 8,192 visual tokens and 10 %.
func Sequences(pool kv.Shape, r Request) int {
	d := kv.Demand{Rows: r.Visual + r.Text, Answer: max(0, r.Answer-1)} // the last token is never fed back
	kept := make([]int, pool.Layers)
	if r.Visual == 0 || r.Permille >= compress.Everything {
		for l := range kept {
			kept[l] = d.Rows
		}
		return pool.Hold(d, kept)
	}
	q := compress.Quota{Visual: r.Visual, Layers: pool.Layers, Permille: r.Permille}
	d.Visual, d.Kept, d.Copied = r.Visual, q.Total(pool.Layers), r.Copied
	if whole := d; r.Copied && pool.Admission(d) > pool.Pages {
		whole.Copied = false // such prompts are compressed layer by layer
		d = whole
	}
	for l := range kept {
		kept[l] = r.Text + d.Kept/pool.Layers
		if l < d.Kept%pool.Layers {
			kept[l]++
		}
	}
	return pool.Hold(d, kept)
}
