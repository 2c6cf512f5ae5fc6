package cuda

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/compress"
)

var _ backend.Compressor = (*Backend)(nil)

// Limits of the kernels that work on all layers at once.
const (
	mostLayers = 128
	mostVisual = 49152
)

// layerBudgets are those that the device shares out, by the library's number.
var layerBudgets = []compress.LayerBudget{compress.Adaptive, compress.Strength, compress.Skewness, compress.Uniform}

// Compresses: elite windows, rows chosen for all KV heads of a layer together. Other options are for studies, not for serving.
func (b *Backend) Compresses(o compress.Options) bool {
	return o.Window == compress.Elite && o.Granularity == compress.ByLayer && slices.Contains(layerBudgets, o.LayerBudget)
}

// ticket is a compression of the device.
type ticket struct {
	b      *Backend
	id     int32
	layers int
	visual int
	shown  []int32 // nil: all visual rows
	kept   bool
}

// Compress queues the whole pipeline. What the library reads of the host is packed before it returns.
func (b *Backend) Compress(c backend.Compression) (backend.Ticket, error) {
	if b.lost != nil {
		return nil, b.lost
	}
	if !b.Compresses(c.Options) {
		return nil, fmt.Errorf("compressing a prompt: the device does not know the options %+v", c.Options)
	}
	if layers, visual := len(c.Sources), len(c.Prompt.Visual); layers > mostLayers || visual > mostVisual {
		return nil, fmt.Errorf("compressing a prompt: %d layers of %d visual rows, at most %d of %d can be", layers, visual, mostLayers, mostVisual)
	}
	t := &ticket{b: b, layers: len(c.Sources), visual: len(c.Prompt.Visual), shown: shownAt(c.Prompt), kept: len(c.Pages) > 0}
	p := &b.call.squeeze
	*p = compressParams{size: size(p), context: b.context, layers: int32(t.layers), heads: shapeOf(c.Heads), rows: int32(c.Prompt.Rows),
		observe: pointer(c.Prompt.Observe), observed: int32(len(c.Prompt.Observe)), visualRow: pointer(c.Prompt.Visual), visual: int32(t.visual),
		shownAt: pointer(t.shown), shown: int32(cmp.Or(len(t.shown), t.visual)), fresh: pointer(c.Pages), freshPages: int32(len(c.Pages)), permille: int32(c.Permille)}
	o := c.Options
	p.alpha, p.eliteMin, p.eliteMax, p.reach = o.Alpha, int32(o.EliteMin), int32(o.EliteMax), int32(o.Pool)
	p.received, p.valueNorm, p.layerBudget = flag(o.RowWeight == compress.Received), flag(o.ValueNorm), int32(slices.Index(layerBudgets, o.LayerBudget))
	b.sources(p, c)
	code := b.library.call(b.library.compress, unsafe.Pointer(p))
	t.id = p.ticket
	*p = compressParams{}
	if code != codeOK {
		return nil, fmt.Errorf("compressing a prompt: %w", b.failure(code))
	}
	return t, nil
}

// sources lists every layer's pages, queries and sums.
func (b *Backend) sources(p *compressParams, c backend.Compression) {
	table, queries := make([]int32, 0, len(c.Sources)), make([]uintptr, 0, len(c.Sources))
	var sums []uintptr // nil: unknown
	pages := make([]int32, 0, len(c.Sources)*backend.Pages(c.Prompt.Rows))
	for layer, kv := range c.Sources {
		table = append(table, int32(len(pages)))
		pages = append(pages, kv.Pages[:backend.Pages(kv.Len)]...)
		queries = append(queries, b.matrix(c.Queries[layer]).data)
	}
	for _, t := range c.Sums {
		sums = append(sums, b.matrix(t).data)
	}
	p.page, p.pages, p.table, p.query, p.logSum = pointer(pages), int32(len(pages)), pointer(table), pointer(queries), pointer(sums)
}

// shownAt is p.Shown as indices into the visual rows; nil: all of them.
func shownAt(p compress.Prompt) []int32 {
	if len(p.Padding) == 0 || len(p.Padding) == len(p.Visual) {
		return nil
	}
	at, padding := make([]int32, 0, len(p.Visual)-len(p.Padding)), p.Padding
	for i, row := range p.Visual {
		for len(padding) > 0 && padding[0] < row {
			padding = padding[1:]
		}
		if len(padding) == 0 || padding[0] != row {
			at = append(at, int32(i))
		}
	}
	return at
}

// Result waits for the copies that followed the compression.
func (t *ticket) Result() (backend.Compressed, error) {
	b := t.b
	if b.lost != nil {
		return backend.Compressed{}, b.lost
	}
	p := &b.call.squozen
	*p = compressedParams{size: size(p), ticket: t.id, context: b.context}
	if code := b.library.call(b.library.compressed, unsafe.Pointer(p)); code != codeOK {
		return backend.Compressed{}, fmt.Errorf("waiting for a compression: %w", b.failure(code))
	}
	var c backend.Compressed
	var broken []error
	budgets, elites := list[int32](p.budget, t.layers), list[int32](p.elites, t.layers)
	for layer, fault := range list[int32](p.fault, t.layers) {
		if fault != 0 {
			broken = append(broken, fmt.Errorf("layer %d: %w", layer, compress.ErrScores))
		}
		c.Elite = append(c.Elite, int(elites[layer]))
		if t.kept {
			c.Kept = append(c.Kept, int(budgets[layer]))
		}
	}
	scores := list[float32](p.score, t.layers*t.visual)
	if t.shown == nil {
		c.Scores = scores
		return c, errors.Join(broken...)
	}
	c.Scores = make([]float32, 0, t.layers*len(t.shown))
	for layer := range t.layers {
		for _, at := range t.shown {
			c.Scores = append(c.Scores, scores[layer*t.visual+int(at)])
		}
	}
	return c, errors.Join(broken...)
}
