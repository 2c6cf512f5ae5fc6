package cpu

import (
	"math"

	"aircache.dev/aircache/runtime/backend"
)

// Relevance asks the last saved query for its weights among the observed rows.
func (b *Backend) Relevance(dst []float32, q backend.Tensor, kv backend.LayerKV, rows []int32, h backend.Heads) {
	clear(dst)
	group, scale := h.Query/h.KV, float32(1/math.Sqrt(float64(h.Dim)))
	last := values(q.Slice(q.Rows-1, q.Rows))
	weights := b.scratch[0].floats(len(rows))
	for head := range h.Query {
		query := last[head*h.Dim:][:h.Dim]
		for j, row := range rows {
			weights[j] = scale * dot(query, b.cache.key(kv.Pages, int(row), head/group))
		}
		softmaxRow(weights, len(weights))
		axpy(1/float32(h.Query), weights, dst)
	}
}

// importanceWork sums the elite rows' weights over the visual rows, one part a query head. The sums of the heads are kept
// apart and added in order at the end, so that the result does not depend on the number of workers.
type importanceWork struct {
	b      *Backend
	q      panel
	kv     backend.LayerKV
	window backend.Window
	heads  backend.Heads
	sums   []float32 // [Query, visual]
}

func (b *Backend) Importance(dst []float32, q backend.Tensor, kv backend.LayerKV, w backend.Window, h backend.Heads) {
	i := &b.importance
	sums := grow(i.sums, h.Query*len(w.Visual))
	clear(sums)
	*i = importanceWork{b: b, q: panel{values(q), q.Cols}, kv: kv, window: w, heads: h, sums: sums}
	b.pool.run(i, h.Query)
	clear(dst)
	lists, n := 1, len(w.Visual)
	if w.ByHead {
		lists = h.KV
	}
	group := h.Query / lists
	share := 1 / float32(group)
	if w.Counts == nil {
		share = 1 / float32(group*len(w.Elite))
	}
	for head := range h.Query {
		axpy(share, sums[head*n:][:n], dst[head/group*n:][:n])
	}
}

func (i *importanceWork) part(head, worker int) {
	w, dim := &i.window, i.heads.Dim
	kvHead := head / (i.heads.Query / i.heads.KV)
	n, e := len(w.Visual), len(w.Elite)

	// [n + e, dim] keys, [e, dim] queries, [e, n + e] scores.
	memory := i.b.scratch[worker].floats((n+e)*dim + e*dim + e*(n+e))
	keys, rest := memory[:(n+e)*dim], memory[(n+e)*dim:]
	queries, scores := rest[:e*dim], rest[e*dim:]
	for j, row := range w.Visual {
		copy(keys[j*dim:], i.b.cache.key(i.kv.Pages, int(row), kvHead))
	}
	for j, elite := range w.Elite {
		copy(keys[(n+j)*dim:], i.b.cache.key(i.kv.Pages, int(w.Rows[elite]), kvHead))
		copy(queries[j*dim:(j+1)*dim], i.q.data[elite*i.q.stride+head*dim:])
	}
	scale := float32(1 / math.Sqrt(float64(dim)))
	i.b.blas.productT(worker, size{e, n + e, dim}, scale, panel{queries, dim}, panel{keys, dim}, 0, panel{scores, n + e})
	for j := range e {
		row := scores[j*(n+e):][:n+e]
		softmaxRow(row, n+j+1)
		count := float32(1)
		if w.Counts != nil {
			count = w.Counts[j]
		}
		axpy(count, row[:n], i.sums[head*n:][:n])
	}
}
