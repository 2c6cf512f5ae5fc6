package cuda

import (
	"unsafe"

	"aircache.dev/aircache/runtime/backend"
)

func (b *Backend) Relevance(dst []float32, q backend.Tensor, kv backend.LayerKV, rows []int32, h backend.Heads) {
	b.score(b.library.relevance, dst, b.observed(q, kv, rows, h))
}

func (b *Backend) Importance(dst []float32, q backend.Tensor, kv backend.LayerKV, w backend.Window, h backend.Heads) {
	elite := make([]int32, len(w.Elite))
	for i, e := range w.Elite {
		elite[i] = int32(e)
	}
	p := b.observed(q, kv, w.Rows, h)
	p.elite, p.elites = pointer(elite), int32(len(elite))
	p.visual, p.visuals = pointer(w.Visual), int32(len(w.Visual))
	p.weight, p.byHead = pointer(w.Counts), flag(w.ByHead)
	b.score(b.library.importance, dst, p)
}

func (b *Backend) Columns(dst []float32, q backend.Tensor, kv backend.LayerKV, rows backend.Weighted, h backend.Heads) {
	p := b.observed(q, kv, rows.Rows, h)
	p.weight = pointer(rows.Weights)
	b.score(b.library.columns, dst, p)
}

func (b *Backend) Density(dst []float32, q backend.Tensor, kv backend.LayerKV, rows []int32, bar float32, h backend.Heads) {
	p := b.observed(q, kv, rows, h)
	p.bar = bar
	b.score(b.library.density, dst, p)
}

// observed says which queries look at which cache.
func (b *Backend) observed(q backend.Tensor, kv backend.LayerKV, rows []int32, h backend.Heads) *scoreParams {
	p := &b.call.score
	*p = scoreParams{size: size(p), pages: int32(len(kv.Pages)), context: b.context, page: pointer(kv.Pages), cached: int32(kv.Len),
		queries: int32(len(rows)), query: b.matrix(q), heads: shapeOf(h), row: pointer(rows)}
	return p
}

func (b *Backend) score(entry uintptr, dst []float32, p *scoreParams) {
	p.result, p.resultCount = pointer(dst), int32(len(dst))
	b.run(entry, unsafe.Pointer(p))
	*p = scoreParams{}
}
