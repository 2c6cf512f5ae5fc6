package cpu

import (
	"math"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/backend/cpu/simd"
)

// decodeWork is attention of one new row a sequence over its pages, one part a sequence and query head.
type decodeWork struct {
	cache    *pageCache
	dst, qkv []float32
	sums     []float32 // or none
	batch    []backend.Sequence
	layer    int
	heads    backend.Heads
}

func (d *decodeWork) part(i, _ int) {
	seq, head := i/d.heads.Query, i%d.heads.Query
	dim := d.heads.Dim
	q := d.qkv[seq*d.heads.Width()+head*dim:][:dim]
	out := d.dst[(seq*d.heads.Query+head)*dim:][:dim]
	if len(d.batch[seq].KV.Layers) == 0 {
		clear(out)
		return
	}
	kv := &d.batch[seq].KV.Layers[d.layer]
	highest, sum := attendPages(out, q, d.cache, kv.Pages, kv.Len+1, head/(d.heads.Query/d.heads.KV))
	if d.sums != nil {
		d.sums[i] = logSum(highest, sum)
	}
}

// attendPages: out = softmax(q K^T / sqrt(dim)) V over rows 0..rows-1. The softmax runs: a page with a higher maximum scales
// down what was summed before it. highest is the greatest score, sum that of the exponentials relative to it.
func attendPages(out, q []float32, cache *pageCache, pages []int32, rows, head int) (highest, sum float32) {
	clear(out)
	dim := len(q)
	scale := float32(1 / math.Sqrt(float64(dim)))
	highest = float32(math.Inf(-1))
	var scores [backend.PageTokens]float32
	for first := 0; first < rows; first += backend.PageTokens {
		page := pages[first/backend.PageTokens]
		keys, vals := cache.keys(page, head), cache.values(page, head)
		n := min(backend.PageTokens, rows-first)
		simd.Dots(scores[:n], q, keys, dim)
		top := highest
		for i, v := range scores[:n] {
			scores[i] = scale * v
			top = max(top, scores[i])
		}
		if top > highest {
			shrink := [1]float32{highest}
			simd.ExpShifted(shrink[:], top)
			sum *= shrink[0]
			for j := range out {
				out[j] *= shrink[0]
			}
			highest = top
		}
		sum += simd.ExpShifted(scores[:n], highest)
		simd.AddRows(out, scores[:n], vals, dim)
	}
	inverse := 1 / sum
	for j := range out {
		out[j] *= inverse
	}
	return highest, sum
}

// logSum is the logarithm of a sum of exponentials that was taken relative to shift.
func logSum(shift, sum float32) float32 { return float32(float64(shift) + math.Log(float64(sum))) }
