package bench

import (
	"fmt"
	"math/rand/v2"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/model"
)

// fillRows are written to pages at once.
const fillRows = 8192

// deck deals the pages of a pool in random order: in a server that has run for a while neighbours lie far apart.
type deck struct{ pages []int32 }

func newDeck(pages int, random *rand.Rand) *deck {
	d := &deck{pages: make([]int32, pages)}
	for i := range d.pages {
		d.pages[i] = int32(i)
	}
	random.Shuffle(pages, func(i, j int) { d.pages[i], d.pages[j] = d.pages[j], d.pages[i] })
	return d
}

// deal gives pages for so many rows of one layer, with some rows to come.
func (d *deck) deal(rows, toCome int) backend.LayerKV {
	n := backend.Pages(rows + toCome)
	kv := backend.LayerKV{Pages: d.pages[:n:n], Len: rows}
	d.pages = d.pages[n:]
	return kv
}

// reserve takes a pool and fills all of it with random keys and values.
func (b *Bench) reserve(pages, sequences, rows int) error {
	if err := b.Model.Reserve(model.Capacity{Pages: pages, Sequences: sequences, Rows: rows}); err != nil {
		return err
	}
	return b.fill(pages)
}

// fill appends random rows to all pages, as if they were those of one layer of a prompt.
func (b *Bench) fill(pages int) error {
	ops, h := b.Device, b.heads()
	most := min(fillRows, pages*backend.PageTokens)
	qkv, err := ops.Alloc(most, h.Width(), backend.Working)
	if err != nil {
		return fmt.Errorf("filling the cache: %w", err)
	}
	defer ops.Free(qkv)
	angles, err := ops.Alloc(most, h.Dim, backend.Exact)
	if err != nil {
		return fmt.Errorf("filling the cache: %w", err)
	}
	defer ops.Free(angles)
	ops.Write(qkv, normals(b.chance(1), most*h.Width()))
	ops.Write(angles, unturned(most, h.Dim))
	list := make([]int32, 0, most/backend.PageTokens)
	for from := 0; from < pages; {
		list = list[:0]
		for ; from < pages && len(list) < cap(list); from++ {
			list = append(list, int32(from))
		}
		rows := len(list) * backend.PageTokens
		batch, err := ops.Stage([]backend.Sequence{{Rows: rows, Slot: backend.NoSlot, KV: backend.KVView{Layers: []backend.LayerKV{{Pages: list}}}}})
		if err != nil {
			return fmt.Errorf("filling the cache: %w", err)
		}
		ops.Append(qkv.Top(rows), angles.Top(rows), 0, batch, h)
	}
	if err := ops.Sync(); err != nil {
		return fmt.Errorf("filling the cache: %w", err)
	}
	return nil
}

// normals are values around 0, most of them within -2..2, as normed keys and values are.
func normals(random *rand.Rand, n int) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(random.NormFloat64())
	}
	return values
}

// unturned are angles that turn nothing: cosine 1, sine 0.
func unturned(rows, dim int) []float32 {
	values := make([]float32, rows*dim)
	for i := range values {
		if i%dim < dim/2 {
			values[i] = 1
		}
	}
	return values
}
