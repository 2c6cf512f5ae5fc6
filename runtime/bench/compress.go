package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/engine"
)

// compress measures the compression of one prompt at the lowest retention, all layers: by the device itself where it can, else
// as the engine does it, layer by layer through the host.
func (b *Bench) compress(ctx context.Context) error {
	permille := b.lowest()
	if permille == compress.Everything {
		return fmt.Errorf("a retention under %d permille is needed, %v are given", compress.Everything, b.Options.Permilles)
	}
	device, direct := b.Device.(backend.Compressor)
	direct = direct && device.Compresses(b.Options.Policy)
	for _, visual := range b.Options.Visuals {
		var err error
		if direct {
			err = b.compressOn(ctx, device, visual, permille)
		} else {
			err = b.compressByEngine(ctx, visual, permille)
		}
		if err != nil {
			return fmt.Errorf("%d visual tokens: %w", visual, err)
		}
	}
	return nil
}

func (b *Bench) lowest() int {
	permille := compress.Everything
	for _, p := range b.Options.Permilles {
		permille = min(permille, p)
	}
	return permille
}

// compressOn lets the device score, share and move random rows. The picture comes first, the text rows after it observe it.
func (b *Bench) compressOn(ctx context.Context, device backend.Compressor, visual, permille int) error {
	rows, layers := visual+b.Options.Text, b.config.Layers
	whole := layers * backend.Pages(rows)
	fresh := whole // enough for any spread
	if err := b.reserve(whole+fresh, 1, rows); err != nil {
		return err
	}
	d := newDeck(whole+fresh, b.chance(7))
	c := backend.Compression{Options: b.Options.Policy, Permille: permille, Heads: b.heads(), Prompt: compress.Prompt{Rows: rows}}
	for range layers {
		c.Sources = append(c.Sources, d.deal(rows, 0))
	}
	c.Pages = d.pages
	for row := range rows {
		if row < visual {
			c.Prompt.Visual = append(c.Prompt.Visual, int32(row))
		} else {
			c.Prompt.Observe = append(c.Prompt.Observe, int32(row))
		}
	}
	defer func() {
		for _, t := range append(c.Queries, c.Sums...) {
			b.Device.Free(t)
		}
	}()
	random := b.chance(8)
	for layer := range layers {
		if err := b.observe(&c, layer, random); err != nil {
			return err
		}
	}
	values, err := b.times(ctx, b.Options.Repeat, milliseconds, func() (time.Duration, error) {
		start := b.Options.Clock()
		ticket, err := device.Compress(c)
		if err != nil {
			return 0, err
		}
		_, err = ticket.Result()
		return b.Options.Clock().Sub(start), err
	})
	if err != nil {
		return err
	}
	b.noteCompression(visual, permille, values, "by the device, all layers at once")
	return nil
}

// observe adds what prefill saves of a layer: random queries, and the sums of their attention.
func (b *Bench) observe(c *backend.Compression, layer int, random *rand.Rand) error {
	h, rows := c.Heads, len(c.Prompt.Observe)
	shapes := []struct {
		cols      int
		precision backend.Precision
	}{{h.Query * h.Dim, backend.Working}, {h.Query, backend.Exact}, {h.Width(), backend.Working}, {h.Query * h.Dim, backend.Working}}
	var made []backend.Tensor
	for _, s := range shapes {
		t, err := b.Device.Alloc(rows, s.cols, s.precision)
		if err != nil {
			return err
		}
		made = append(made, t)
	}
	queries, sums, qkv, mixed := made[0], made[1], made[2], made[3]
	c.Queries, c.Sums = append(c.Queries, queries), append(c.Sums, sums)
	b.Device.Write(qkv, normals(random, qkv.Rows*qkv.Cols))
	view := backend.KVView{Layers: make([]backend.LayerKV, layer+1)}
	view.Layers[layer] = backend.LayerKV{Pages: c.Sources[layer].Pages, Len: c.Prompt.Rows - rows}
	batch, err := b.Device.Stage([]backend.Sequence{{Rows: rows, Slot: backend.NoSlot, KV: view}})
	if err != nil {
		return err
	}
	b.Device.Attend(mixed, sums, qkv, layer, batch, h)
	all := make([]int32, rows)
	for i := range all {
		all[i] = int32(i)
	}
	b.Device.Gather(queries, qkv, all)
	b.Device.Free(qkv)
	b.Device.Free(mixed)
	return nil
}

func (b *Bench) noteCompression(visual, permille int, values []float64, remark string) {
	kept := keptOf(visual, permille)
	b.note(Case{What: "compress", Metric: "all layers", Visual: visual, Text: b.Options.Text, Permille: permille}, values,
		b.counter.Compression(visual, b.Options.Text, kept, b.Options.Policy.ValueNorm), remark)
}

// compressByEngine reads the engine's own account of requests with pictures of about that many tokens.
func (b *Bench) compressByEngine(ctx context.Context, visual, permille int) error {
	random := b.chance(9)
	px, tokens := b.pictureFor(random, visual)
	if n := tokens + b.Options.Text + 2; n > b.config.MaxPosition {
		b.noteCompression(tokens, permille, nil, fmt.Sprintf("not measured: the model has %d positions", b.config.MaxPosition))
		return nil
	}
	var values []float64
	err := b.serving(ctx, permille, 1, engine.Discard{}, func(e *engine.Engine) error {
		for i := range 1 + b.longRepeat() {
			usage, err := finished(ctx, e, engine.Request{Images: px, Tokens: b.asking(random, tokens, b.Options.Text), MaxTokens: 1})
			if err != nil {
				return err
			}
			if i > 0 {
				values = append(values, milliseconds*usage.CompressSeconds)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	b.noteCompression(tokens, permille, values, "through the host, layer by layer")
	return nil
}
