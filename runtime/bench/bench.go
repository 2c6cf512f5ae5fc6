package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/model"
)

// Bench measures a model on a device. It belongs to one goroutine.
type Bench struct {
	Device  backend.Backend
	Model   *model.LLaVA
	Options Options
	Peers   *Peers       // may be nil
	Took    func(Figure) // is told each figure as it is measured

	config  model.Config
	sizes   model.Sizes
	counter Counter
	figures []Figure
	tables  uint64 // made so far
}

// Options say what to measure.
type Options struct {
	What []string // of Kinds

	Batches   []int
	Visuals   []int // visual tokens of a sequence
	Permilles []int // retentions
	Tokens    []int // of prompts
	Tiles     []int
	Text      int // tokens of a sequence beside the visual ones

	Repeat   int // samples of each time; the median counts
	Requests int // of capacity's and memory's mix
	Rate     float64
	Arrivals int // requests of serve
	// PrefillChunk is [engine.Options.PrefillChunk] of serve and memory; 0: the engine's default.
	PrefillChunk int

	PoolBytes int64 // of the page pool
	Policy    compress.Options
	Ceilings  Ceilings
	Seed      uint64

	Clock func() time.Time
	Wait  func(ctx context.Context, d time.Duration) error // until a request arrives
	// MemoryUsed is the memory that the device has given out, in bytes; or that of the process, where it is its own device.
	MemoryUsed func() (int64, error)
}

// Kinds are what can be measured, in the order in which it is.
var Kinds = []string{"decode", "ragged", "prefill", "vision", "compress", "capacity", "serve", "memory"}

// Timed are those that have floors in time.
var Timed = []string{"decode", "ragged", "prefill", "vision", "compress"}

// warmups are the runs before the first that counts: they load code, choose algorithms and record graphs.
const warmups = 3

// Run measures everything asked for. A kind that fails does not keep the others from being measured; the error joins all.
func (b *Bench) Run(ctx context.Context) ([]Figure, error) {
	b.config, b.sizes = b.Model.Config(), b.Model.Sizes()
	b.counter = Counter{Sizes: b.sizes, Value: float64(b.config.KVBytesPerTokenLayer) / float64(2*b.sizes.KVHeads*b.sizes.HeadDim)}
	if err := b.check(); err != nil {
		return nil, err
	}
	var failed []error
	for _, kind := range Kinds {
		if !slices.Contains(b.Options.What, kind) {
			continue
		}
		if err := b.measure(ctx, kind); err != nil {
			failed = append(failed, fmt.Errorf("measuring %s: %w", kind, err))
		}
		if err := ctx.Err(); err != nil {
			break
		}
	}
	return b.figures, errors.Join(failed...)
}

func (b *Bench) measure(ctx context.Context, kind string) error {
	switch kind {
	case "decode":
		return b.decode(ctx)
	case "ragged":
		return b.ragged(ctx)
	case "prefill":
		return b.prefill(ctx)
	case "vision":
		return b.vision(ctx)
	case "compress":
		return b.compress(ctx)
	case "capacity":
		return b.capacity()
	case "serve":
		return b.serve(ctx)
	case "memory":
		return b.memory(ctx)
	}
	return fmt.Errorf("%q is not known, %q are", kind, Kinds)
}

// withPictures are the kinds that show the model pictures.
var withPictures = []string{"vision", "compress", "serve", "memory"}

// check names the option that is outside its limits.
func (b *Bench) check() error {
	o := &b.Options
	for _, kind := range o.What {
		if !slices.Contains(Kinds, kind) {
			return fmt.Errorf("what: %q is not known, %q are", kind, Kinds)
		}
		if b.config.Tower.Side < 1 && slices.Contains(withPictures, kind) {
			return fmt.Errorf("what: %q shows pictures of one size, this model takes any: %q can be measured", kind, slices.DeleteFunc(slices.Clone(Kinds), func(k string) bool { return slices.Contains(withPictures, k) }))
		}
	}
	if o.Clock == nil || o.Wait == nil || o.MemoryUsed == nil {
		return errors.New("clock, wait and memory must be given")
	}
	for _, list := range []struct {
		name   string
		values []int
		lo, hi int
	}{
		{"batch", o.Batches, 1, 1024}, {"visual", o.Visuals, 1, 1 << 20}, {"retention in permille", o.Permilles, 1, compress.Everything},
		{"tokens", o.Tokens, 1, b.config.MaxPosition - 1}, {"tiles", o.Tiles, 1, 64}, {"text", []int{o.Text}, 1, 1 << 16},
		{"repeat", []int{o.Repeat}, 1, 10000}, {"requests", []int{o.Requests}, 1, 1000000}, {"arrivals", []int{o.Arrivals}, 1, 1000000},
	} {
		if len(list.values) == 0 {
			return fmt.Errorf("%s: none is given, from %d to %d is wanted", list.name, list.lo, list.hi)
		}
		for _, v := range list.values {
			if v < list.lo || v > list.hi {
				return fmt.Errorf("%s: %d is outside %d..%d", list.name, v, list.lo, list.hi)
			}
		}
	}
	if !(o.Rate > 0 && o.Rate <= 1e6) {
		return fmt.Errorf("rate: %g requests a second is outside 0..1000000", o.Rate)
	}
	if least := int64(b.config.Layers * b.config.KVBytesPerTokenLayer * backend.PageTokens); o.PoolBytes < least {
		return fmt.Errorf("pool: %d bytes do not hold a page of each layer, %d bytes", o.PoolBytes, least)
	}
	return errors.Join(o.Policy.Validate(), o.Ceilings.Check())
}

// times measures run: its unit is 1/scale seconds. Each run starts on an idle device and must end on one.
func (b *Bench) times(ctx context.Context, repeat int, scale float64, run func() (time.Duration, error)) ([]float64, error) {
	var values []float64
	for i := range warmups + repeat {
		if err := errors.Join(ctx.Err(), b.Device.Sync()); err != nil {
			return nil, err
		}
		took, err := run()
		if err != nil {
			return nil, err
		}
		if i >= warmups {
			values = append(values, took.Seconds()*scale)
		}
	}
	return values, nil
}

// milliseconds is how times are told.
const milliseconds = 1e3

// note adds a figure in milliseconds, beside its floor.
func (b *Bench) note(c Case, values []float64, w Work, remark string) {
	f := Figure{Case: c, Unit: "ms", Repeats: len(values), Work: &w, Floor: milliseconds * b.Options.Ceilings.Floor(w), Note: remark}
	f.Value, f.Low, f.High = spread(values)
	b.add(f)
}

func (b *Bench) add(f Figure) {
	b.Peers.beside(&f)
	b.figures = append(b.figures, f)
	if b.Took != nil {
		b.Took(f)
	}
}

// chance is a source of random numbers for one purpose: what is measured first changes nothing of the rest.
func (b *Bench) chance(purpose uint64) *rand.Rand {
	return rand.New(rand.NewPCG(b.Options.Seed, purpose))
}

func (b *Bench) heads() backend.Heads {
	return backend.Heads{Query: b.config.Heads, KV: b.config.KVHeads, Dim: b.config.HeadDim}
}
