package cpu

import (
	"math"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/backend/cpu/simd"
)

// Attend takes the paged walk for a decode step and products for a prompt.
func (b *Backend) Attend(dst, sums, qkv backend.Tensor, layer int, batch backend.Batch, h backend.Heads) {
	all := sequences(batch)
	if qkv.Rows == len(all) {
		b.decode = decodeWork{cache: &b.cache, dst: values(dst), qkv: values(qkv), sums: values(sums), batch: all, layer: layer, heads: h}
		b.pool.run(&b.decode, len(all)*h.Query)
		return
	}
	row := 0
	for i := range all {
		s := &all[i]
		if len(s.KV.Layers) == 0 {
			clear(values(dst.Slice(row, row+s.Rows)))
			row += s.Rows
			continue
		}
		b.attendPrompt(dst.Slice(row, row+s.Rows), values(sums.Slice(row, row+s.Rows)), qkv.Slice(row, row+s.Rows), s.KV.Layers[layer], h)
		row += s.Rows
	}
}

// attendPrompt gathers keys and values of one sequence per KV head and attends to them causally. sums are nil where none are wanted.
func (b *Backend) attendPrompt(dst backend.Tensor, sums []float32, qkv backend.Tensor, kv backend.LayerKV, h backend.Heads) {
	g := &b.gather
	rows := kv.Len + qkv.Rows
	g.cache, g.pages, g.rows = &b.cache, kv.Pages, rows
	g.keys, g.vals = grow(g.keys, rows*h.KV*h.Dim), grow(g.vals, rows*h.KV*h.Dim)
	b.pool.run(g, h.KV)

	a := &b.attend
	*a = attendWork{b: b, heads: h, queries: qkv.Rows, keys: rows, sequences: 1, causal: true,
		q: panel{values(qkv), h.Width()}, dst: panel{values(dst), h.Query * h.Dim}, sums: sums,
		k: panel{g.keys, h.Dim}, v: panel{g.vals, h.Dim}, headStep: rows * h.Dim}
	a.run()
}

// Mix reads keys and values where they stand in qkv.
func (b *Backend) Mix(dst, qkv backend.Tensor, sequences int, h backend.Heads) {
	x := panel{values(qkv), h.Width()}
	rows := qkv.Rows / sequences
	if rows == 0 {
		return
	}
	a := &b.attend
	*a = attendWork{b: b, heads: h, queries: rows, keys: rows, sequences: sequences,
		q: x, dst: panel{values(dst), h.Query * h.Dim},
		k: x.at(0, h.Query*h.Dim), v: x.at(0, (h.Query+h.KV)*h.Dim), headStep: h.Dim, sequenceStep: rows * h.Width()}
	a.run()
}

// gatherWork copies the pages of one sequence into [KV, rows, Dim], one part a KV head.
type gatherWork struct {
	cache      *pageCache
	pages      []int32
	rows       int
	keys, vals []float32
}

func (g *gatherWork) part(head, _ int) {
	dim := g.cache.heads.Dim
	keys, vals := g.keys[head*g.rows*dim:][:g.rows*dim], g.vals[head*g.rows*dim:][:g.rows*dim]
	for _, page := range g.pages[:backend.Pages(g.rows)] {
		n := copy(keys, g.cache.keys(page, head))
		copy(vals, g.cache.values(page, head))
		keys, vals = keys[n:], vals[n:]
	}
}

func grow(x []float32, n int) []float32 {
	if cap(x) < n {
		return make([]float32, n)
	}
	return x[:n]
}

// attendWork is attention by products, one part a sequence, query head and block of rows.
type attendWork struct {
	b                      *Backend
	heads                  backend.Heads
	q, dst                 panel     // all sequences and heads
	k, v                   panel     // of the first sequence and KV head
	sums                   []float32 // [queries, Query], or none
	headStep, sequenceStep int       // values from one KV head, one sequence, to the next
	sequences              int
	queries, keys          int // rows of one sequence
	causal                 bool
}

// queryBlock rows share one score matrix: small enough for the second-level cache at a thousand keys, and a causal block
// stops at its own last key.
const queryBlock = 128

func (a *attendWork) run() {
	a.b.pool.run(a, a.sequences*a.heads.Query*parts(a.queries, queryBlock))
}

func (a *attendWork) part(i, worker int) {
	blocks := parts(a.queries, queryBlock)
	// The last blocks of a causal prompt see the most keys: they go first, so that no worker is left alone with one.
	from, to := cut(blocks-1-i%blocks, queryBlock, a.queries)
	head, seq := i/blocks%a.heads.Query, i/blocks/a.heads.Query

	kvHead := head / (a.heads.Query / a.heads.KV)
	shift := seq*a.sequenceStep + kvHead*a.headStep
	k, v := panel{a.k.data[shift:], a.k.stride}, panel{a.v.data[shift:], a.v.stride}
	row, col := seq*a.queries+from, head*a.heads.Dim

	before := a.keys - a.queries // cached before this prompt
	seen := a.keys
	if a.causal {
		seen = before + to
	}
	s := size{to - from, seen, a.heads.Dim}
	scores := panel{a.b.scratch[worker].floats(s.m * seen), seen}
	scale := float32(1 / math.Sqrt(float64(a.heads.Dim)))
	a.b.blas.productT(worker, s, scale, a.q.at(row, col), k, 0, scores)
	for r := range s.m {
		n := seen
		if a.causal {
			n = before + from + r + 1
		}
		highest, sum := softmaxRow(scores.data[r*seen:][:seen], n)
		if a.sums != nil {
			a.sums[(row+r)*a.heads.Query+head] = logSum(highest, sum)
		}
	}
	a.b.blas.product(worker, size{s.m, a.heads.Dim, seen}, scores, v, a.dst.at(row, col))
}

// softmaxRow makes weights of the first n scores and zeros of the rest. highest is the greatest score, sum that of the exponentials
// relative to it.
func softmaxRow(x []float32, n int) (highest, sum float32) {
	clear(x[n:])
	x = x[:n]
	highest = x[0]
	for _, v := range x {
		highest = max(highest, v)
	}
	sum = simd.ExpShifted(x, highest)
	inverse := 1 / sum
	for i := range x {
		x[i] *= inverse
	}
	return highest, sum
}
