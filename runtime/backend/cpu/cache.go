package cpu

import (
	"fmt"
	"math"
	"unsafe"

	"golang.org/x/sys/unix"

	"aircache.dev/aircache/runtime/backend"
)

// pageCache is the page pool.
type pageCache struct {
	data  []float32
	heads backend.Heads
}

func (b *Backend) PageBytes(h backend.Heads) int { return 4 * h.PageValues() }

// Reserve maps the pool outside of Go's heap: too large a pool is an error and not the end of the process, memory is taken
// page by page as it is first written, and the garbage collector does not count it.
func (b *Backend) Reserve(p backend.Pool) error {
	pages, size := p.Pages, b.PageBytes(p.Heads)
	if pages > math.MaxInt/size {
		return fmt.Errorf("reserving %d pages of %d bytes: that is more than an address can hold", pages, size)
	}
	memory, err := unix.Mmap(-1, 0, pages*size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return fmt.Errorf("reserving %d pages of %d bytes: %w", pages, size, err)
	}
	old := b.cache
	b.cache = pageCache{data: unsafe.Slice((*float32)(unsafe.Pointer(&memory[0])), len(memory)/4), heads: p.Heads}
	return old.release()
}

func (c *pageCache) release() error {
	if c.data == nil {
		return nil
	}
	memory := unsafe.Slice((*byte)(unsafe.Pointer(&c.data[0])), 4*len(c.data))
	*c = pageCache{}
	if err := unix.Munmap(memory); err != nil {
		return fmt.Errorf("giving back the pages: %w", err)
	}
	return nil
}

// keys are the 16 key rows of a head in a page: [PageTokens, Dim].
func (c *pageCache) keys(page int32, head int) []float32 {
	rows := backend.PageTokens * c.heads.Dim
	return c.data[(int(page)*2*c.heads.KV+head)*rows:][:rows]
}

// values are the 16 value rows of a head in a page.
func (c *pageCache) values(page int32, head int) []float32 {
	rows := backend.PageTokens * c.heads.Dim
	return c.data[((int(page)*2+1)*c.heads.KV+head)*rows:][:rows]
}

// key is one cached key row of a head.
func (c *pageCache) key(pages []int32, row, head int) []float32 {
	slot := row % backend.PageTokens * c.heads.Dim
	return c.keys(pages[row/backend.PageTokens], head)[slot:][:c.heads.Dim]
}

// appendWork copies keys and values of new rows into their pages, one part a KV head.
type appendWork struct {
	cache *pageCache
	qkv   []float32
	batch []backend.Sequence
	layer int
	heads backend.Heads
}

// leastAppend rows are copied by the caller alone: a decode step writes a few hundred values.
const leastAppend = 64

func (b *Backend) Append(qkv, angles backend.Tensor, layer int, batch backend.Batch, h backend.Heads) {
	b.turn(qkv, angles, h)
	b.append = appendWork{cache: &b.cache, qkv: values(qkv), batch: sequences(batch), layer: layer, heads: h}
	if qkv.Rows >= leastAppend {
		b.pool.run(&b.append, h.KV)
		return
	}
	for head := range h.KV {
		b.append.part(head, 0)
	}
}

func (a *appendWork) part(head, _ int) {
	width, dim := a.heads.Width(), a.heads.Dim
	key, value := (a.heads.Query+head)*dim, (a.heads.Query+a.heads.KV+head)*dim
	row := 0
	for i := range a.batch {
		s := &a.batch[i]
		if len(s.KV.Layers) == 0 {
			row += s.Rows
			continue
		}
		kv := &s.KV.Layers[a.layer]
		for r := kv.Len; r < kv.Len+s.Rows; r++ {
			page, slot := kv.Pages[r/backend.PageTokens], r%backend.PageTokens*dim
			from := a.qkv[row*width:][:width]
			copy(a.cache.keys(page, head)[slot:], from[key:key+dim])
			copy(a.cache.values(page, head)[slot:], from[value:value+dim])
			row++
		}
	}
}

// Keep copies forwards, so that dst may be the leading pages of src: row i of the result never comes after its source.
func (b *Backend) Keep(src backend.LayerKV, rows [][]int32, dst []int32) {
	dim := b.cache.heads.Dim
	for head := range b.cache.heads.KV {
		list := rows[0]
		if len(rows) > 1 {
			list = rows[head]
		}
		for i, row := range list {
			from, to := int(row)%backend.PageTokens*dim, i%backend.PageTokens*dim
			page, target := src.Pages[row/backend.PageTokens], dst[i/backend.PageTokens]
			copy(b.cache.keys(target, head)[to:to+dim], b.cache.keys(page, head)[from:])
			copy(b.cache.values(target, head)[to:to+dim], b.cache.values(page, head)[from:])
		}
	}
}

func (b *Backend) ReadPages(dst []byte, pages []int32) {
	for _, page := range pages {
		dst = dst[copy(dst, b.cache.bytes(page)):]
	}
}

func (b *Backend) WritePages(pages []int32, src []byte) {
	for _, page := range pages {
		src = src[copy(b.cache.bytes(page), src):]
	}
}

// bytes are a whole page's.
func (c *pageCache) bytes(page int32) []byte {
	n := c.heads.PageValues()
	return unsafe.Slice((*byte)(unsafe.Pointer(&c.data[int(page)*n])), 4*n)
}

// ReadRows gathers the heads of each row side by side.
func (b *Backend) ReadRows(keys, values []float32, kv backend.LayerKV, rows []int32) {
	dim := b.cache.heads.Dim
	for _, row := range rows {
		page, slot := kv.Pages[row/backend.PageTokens], int(row)%backend.PageTokens*dim
		for head := range b.cache.heads.KV {
			copy(keys[:dim], b.cache.keys(page, head)[slot:])
			copy(values[:dim], b.cache.values(page, head)[slot:])
			keys, values = keys[dim:], values[dim:]
		}
	}
}
