package cpu

import (
	"math"

	"aircache.dev/aircache/runtime/backend"
)

// pastRows are saved queries of a prompt that look at all cached rows up to their own.
type pastRows struct {
	b     *Backend
	q     panel
	rows  []int32
	heads backend.Heads
	keys  []float32 // [KV, cached rows, Dim]
	count int       // cached rows
}

// past gathers the keys of a layer.
func (b *Backend) past(q backend.Tensor, kv backend.LayerKV, rows []int32, h backend.Heads) pastRows {
	g := &b.gather
	g.cache, g.pages, g.rows = &b.cache, kv.Pages, kv.Len
	g.keys, g.vals = grow(g.keys, kv.Len*h.KV*h.Dim), grow(g.vals, kv.Len*h.KV*h.Dim)
	b.pool.run(g, h.KV)
	return pastRows{b: b, q: panel{values(q), q.Cols}, rows: rows, heads: h, keys: g.keys, count: kv.Len}
}

// each gives the scaled scores of a head's query rows, block by block: x has rows[i]+1 scores, and room for all cached rows.
func (p *pastRows) each(head, worker int, take func(i int, x []float32, seen int)) {
	dim := p.heads.Dim
	kvHead := head / (p.heads.Query / p.heads.KV)
	keys := panel{p.keys[kvHead*p.count*dim:][:p.count*dim], dim}
	scale := float32(1 / math.Sqrt(float64(dim)))
	for from := 0; from < len(p.rows); from += queryBlock {
		to := min(from+queryBlock, len(p.rows))
		seen := int(p.rows[to-1]) + 1
		scores := p.b.scratch[worker].floats((to - from) * seen)
		p.b.blas.productT(worker, size{to - from, seen, dim}, scale, p.q.at(from, head*dim), keys, 0, panel{scores, seen})
		for i := from; i < to; i++ {
			take(i, scores[(i-from)*seen:][:seen], int(p.rows[i])+1)
		}
	}
}

// columnsWork adds attention up by cached row, one part a query head. As with importance the heads' sums are added in order.
type columnsWork struct {
	pastRows
	weights []float32
	sums    []float32 // [Query, cached rows]
}

func (b *Backend) Columns(dst []float32, q backend.Tensor, kv backend.LayerKV, rows backend.Weighted, h backend.Heads) {
	c := &b.columns
	sums := grow(c.sums, h.Query*kv.Len)
	clear(sums)
	*c = columnsWork{pastRows: b.past(q, kv, rows.Rows, h), weights: rows.Weights, sums: sums}
	b.pool.run(c, h.Query)
	clear(dst)
	for head := range h.Query {
		axpy(1/float32(h.Query), sums[head*kv.Len:][:kv.Len], dst)
	}
}

func (c *columnsWork) part(head, worker int) {
	sums := c.sums[head*c.count:][:c.count]
	c.each(head, worker, func(i int, x []float32, seen int) {
		softmaxRow(x, seen)
		axpy(c.weights[i], x[:seen], sums[:seen])
	})
}

// densityWork counts what comes near a row's highest weight, one part a query head.
type densityWork struct {
	pastRows
	bar    float32   // natural logarithm
	shares []float32 // [Query, rows]
}

func (b *Backend) Density(dst []float32, q backend.Tensor, kv backend.LayerKV, rows []int32, bar float32, h backend.Heads) {
	d := &b.density
	*d = densityWork{pastRows: b.past(q, kv, rows, h), bar: float32(math.Log(float64(bar))), shares: grow(d.shares, h.Query*len(rows))}
	b.pool.run(d, h.Query)
	clear(dst)
	for head := range h.Query {
		axpy(1/float32(h.Query), d.shares[head*len(rows):][:len(rows)], dst)
	}
}

// part compares scores: weights are their exponentials, so a ratio of weights is a difference of scores.
func (d *densityWork) part(head, worker int) {
	shares := d.shares[head*len(d.rows):][:len(d.rows)]
	d.each(head, worker, func(i int, x []float32, seen int) {
		highest := x[0]
		for _, v := range x[1:seen] {
			highest = max(highest, v)
		}
		near := 0
		for _, v := range x[:seen] {
			if v-highest >= d.bar {
				near++
			}
		}
		shares[i] = float32(near) / float32(seen)
	})
}
