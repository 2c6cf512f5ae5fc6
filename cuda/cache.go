package cuda

import (
	"fmt"
	"unsafe"

	"aircache.dev/aircache/runtime/backend"
)

// PageBytes is the memory of one page: bfloat16.
func (b *Backend) PageBytes(h backend.Heads) int { return 2 * h.PageValues() }

func (b *Backend) Reserve(pool backend.Pool) error {
	if b.lost != nil {
		return b.lost
	}
	p := &b.call.reserve
	*p = reserveParams{size: size(p), context: b.context, pages: int32(pool.Pages), heads: shapeOf(pool.Heads),
		layers: int32(pool.Layers), sequences: int32(pool.Sequences), rows: int32(pool.Rows)}
	if code := b.library.call(b.library.reserve, unsafe.Pointer(p)); code != codeOK {
		return fmt.Errorf("reserving pages: %w", b.failure(code))
	}
	return nil
}

// Keep gathers into scratch memory first: dst may be src's own pages.
func (b *Backend) Keep(src backend.LayerKV, rows [][]int32, dst []int32) {
	flat := make([]int32, 0, len(rows)*len(rows[0]))
	for _, list := range rows {
		flat = append(flat, list...)
	}
	p := b.pages(src, len(rows), len(rows[0]), flat)
	p.to, p.toPages = pointer(dst), int32(len(dst))
	b.run(b.library.keepRows, unsafe.Pointer(p))
	*p = keepParams{}
}

func (b *Backend) ReadRows(keys, values []float32, kv backend.LayerKV, rows []int32) {
	if len(rows) == 0 {
		return
	}
	p := b.pages(kv, 1, len(rows), rows)
	p.key, p.value = pointer(keys), pointer(values)
	b.run(b.library.readRowsOut, unsafe.Pointer(p))
	*p = keepParams{}
}

func (b *Backend) ReadPages(dst []byte, pages []int32) { b.movePages(b.library.readPages, pages, dst) }

func (b *Backend) WritePages(pages []int32, src []byte) {
	b.movePages(b.library.writePages, pages, src)
}

func (b *Backend) movePages(entry uintptr, pages []int32, host []byte) {
	if len(pages) == 0 {
		return
	}
	p := &b.call.pages
	*p = pagesParams{size: size(p), pages: int32(len(pages)), context: b.context, page: pointer(pages), host: pointer(host)}
	b.run(entry, unsafe.Pointer(p))
	*p = pagesParams{}
}

func (b *Backend) pages(kv backend.LayerKV, lists, count int, rows []int32) *keepParams {
	p := &b.call.keep
	*p = keepParams{size: size(p), pages: int32(len(kv.Pages)), context: b.context, page: pointer(kv.Pages), lists: int32(lists), count: int32(count), row: pointer(rows)}
	return p
}
