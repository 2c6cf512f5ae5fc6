package cuda

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/compress"
)

// decoderShape is a text model's.
type decoderShape struct {
	layers, hidden, inner, vocab int
	heads                        backend.Heads
}

// qwen2 is LLaVA-OneVision-7B's decoder.
var qwen2 = decoderShape{layers: 28, hidden: 3584, inner: 18944, vocab: 152064, heads: backend.Heads{Query: 28, KV: 4, Dim: 128}}

// stack is a decoder of random weights, on a backend directly: what a step costs without an engine around it.
type stack struct {
	decoderShape
	b                                       *backend.Checked
	blocks                                  []block
	embed, norm, head, inverse              backend.Tensor
	x, normed, qkv, mixed, gateUp, gated, a backend.Tensor
	logits                                  backend.Tensor
}

type block struct{ norm1, norm2, qkv, qkvBias, out, gateUp, down backend.Tensor }

// must ends the benchmark on an error.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// weights are rows of one random block, over and over.
func (s *stack) weights(noise []byte, rows, cols int) backend.Tensor {
	t := must(s.b.Alloc(rows, cols, backend.Working))
	step := max(1, len(noise)/2/cols)
	for from := 0; from < rows; from += step {
		to := min(rows, from+step)
		s.b.Load(t.Slice(from, to), noise[:(to-from)*cols*2], backend.BF16)
	}
	return t
}

// noise is bfloat16 of the given deviation.
func noise(n int, deviation float64) []byte {
	random, raw := rand.New(rand.NewPCG(1, 2)), make([]byte, 2*n)
	for i := range n {
		binary.LittleEndian.PutUint16(raw[2*i:], uint16(math.Float32bits(float32(random.NormFloat64()*deviation))>>16))
	}
	return raw
}

func newStack(device *backend.Checked, shape decoderShape, rows, sequences int) *stack {
	s := &stack{decoderShape: shape, b: device}
	weight := func(rows, cols int) backend.Tensor {
		return s.weights(noise(1<<20+cols, 1/math.Sqrt(float64(cols))), rows, cols)
	}
	ones := noise(1<<15, 1)
	vector := func(n int) backend.Tensor { return s.weights(ones, 1, n) }
	d, h := shape.hidden, shape.heads
	for range shape.layers {
		s.blocks = append(s.blocks, block{norm1: vector(d), norm2: vector(d), qkv: weight(h.Width(), d), qkvBias: vector(h.Width()),
			out: weight(d, h.Query*h.Dim), gateUp: weight(2*shape.inner, d), down: weight(d, shape.inner)})
	}
	s.embed, s.norm, s.head = weight(shape.vocab, d), vector(d), weight(shape.vocab, d)
	space := func(rows, cols int, p backend.Precision) backend.Tensor {
		return must(device.Alloc(rows, cols, p))
	}
	s.x, s.normed, s.qkv = space(rows, d, backend.Working), space(rows, d, backend.Working), space(rows, h.Width(), backend.Working)
	s.mixed, s.gateUp, s.gated = space(rows, h.Query*h.Dim, backend.Working), space(rows, 2*shape.inner, backend.Working), space(rows, shape.inner, backend.Working)
	s.a, s.inverse, s.logits = space(rows, h.Dim, backend.Exact), space(1, h.Dim/2, backend.Exact), space(sequences, shape.vocab, backend.Exact)
	frequencies := make([]float32, h.Dim/2)
	for i := range frequencies {
		frequencies[i] = float32(math.Pow(1e6, -2*float64(i)/float64(h.Dim)))
	}
	device.Write(s.inverse, frequencies)
	return s
}

// run is a step over rows, as the model's decoder does it.
func (s *stack) run(batch backend.Batch, rows, sequences int) {
	x, normed, qkv, mixed, gateUp, gated, a := s.x.Top(rows), s.normed.Top(rows), s.qkv.Top(rows), s.mixed.Top(rows), s.gateUp.Top(rows), s.gated.Top(rows), s.a.Top(rows)
	s.b.Embed(x, s.embed, batch)
	s.b.Angles(a, s.inverse, batch)
	for i := range s.blocks {
		l := &s.blocks[i]
		s.b.RMSNorm(normed, x, l.norm1, 1e-6)
		s.b.Linear(qkv, normed, l.qkv, l.qkvBias, false)
		s.b.Append(qkv, a, i, batch, s.heads)
		s.b.Attend(mixed, backend.Tensor{}, qkv, i, batch, s.heads)
		s.b.Linear(x, mixed, l.out, backend.Tensor{}, true)
		s.b.RMSNorm(normed, x, l.norm2, 1e-6)
		s.b.Linear(gateUp, normed, l.gateUp, backend.Tensor{}, false)
		s.b.GatedSiLU(gated, gateUp)
		s.b.Linear(x, gated, l.down, backend.Tensor{}, true)
	}
	s.b.RMSNorm(normed.Top(sequences), x.Slice(rows-sequences, rows), s.norm, 1e-6)
	s.b.Linear(s.logits.Top(sequences), normed.Top(sequences), s.head, backend.Tensor{}, false)
	s.b.Sample(s.logits.Top(sequences), batch)
}

// cached deals pages to sequences of a length, one list a layer, and fills them with the keys and values of random rows.
func (s *stack) cached(b *testing.B, sequences, length int) []backend.Sequence {
	pages := backend.Pages(length + 64)
	if err := s.b.Reserve(backend.Pool{Pages: sequences * s.layers * pages, Heads: s.heads, Layers: s.layers, Sequences: sequences, Rows: length + 64}); err != nil {
		b.Skip(err)
	}
	deal, used := rand.New(rand.NewPCG(3, 4)).Perm(sequences*s.layers*pages), 0
	var all []backend.Sequence
	for i := range sequences {
		q := backend.Sequence{Rows: 1, Tokens: []int32{int32(i + 5)}, Slot: int32(i), KV: backend.KVView{Position: length}}
		for range s.layers {
			kv := backend.LayerKV{Len: length}
			for range pages {
				kv.Pages = append(kv.Pages, int32(deal[used]))
				used++
			}
			q.KV.Layers = append(q.KV.Layers, kv)
		}
		all = append(all, q)
		s.fill(b, q, length)
	}
	return all
}

func (s *stack) fill(b *testing.B, q backend.Sequence, length int) {
	for from := 0; from < length; from += s.qkv.Rows {
		rows := min(s.qkv.Rows, length-from)
		part := backend.Sequence{Rows: rows, Slot: backend.NoSlot, KV: backend.KVView{Position: from}}
		for _, kv := range q.KV.Layers {
			part.KV.Layers = append(part.KV.Layers, backend.LayerKV{Pages: kv.Pages, Len: from})
		}
		batch := must(s.b.Stage([]backend.Sequence{part}))
		s.b.Angles(s.a.Top(rows), s.inverse, batch)
		for layer := range s.layers {
			s.b.Append(s.qkv.Top(rows), s.a.Top(rows), layer, batch, s.heads)
		}
	}
	if err := s.b.Sync(); err != nil {
		b.Fatal(err)
	}
}

// floor is the time that the bytes of a step take at 3.0 TB/s: weights once, and the cache.
func (s *stack) floor(sequences, length int) float64 {
	d, h := float64(s.hidden), s.heads
	weights := float64(s.layers)*(d*float64(h.Width())+d*float64(h.Query*h.Dim)+3*d*float64(s.inner)) + d*float64(s.vocab)
	cache := float64(sequences) * float64(length) * float64(s.layers) * float64(2*h.KV*h.Dim)
	return 2 * (weights + cache) / 3.0e12 * 1e3
}

// BenchmarkDecodeStep prints milliseconds a step beside the floor; AIRCACHE_BENCH_LAYERS makes the decoder shallower.
func BenchmarkDecodeStep(b *testing.B) {
	path := os.Getenv(libraryVariable)
	if path == "" {
		b.Skip("set " + libraryVariable + " to the GPU's library: this takes 15 GB of weights")
	}
	shape := qwen2
	if n, err := strconv.Atoi(os.Getenv("AIRCACHE_BENCH_LAYERS")); err == nil {
		shape.layers = n
	}
	gpu := must(Open(Options{Library: path}))
	device := backend.Check(gpu)
	defer device.Close()
	const prompt = 8192
	s := newStack(device, shape, prompt, 32)
	device.Write(s.qkv.Top(1024), randoms(1024*s.heads.Width()))
	for from := 1024; from < prompt; from += 1024 {
		device.Gather(s.qkv.Slice(from, from+1024), s.qkv.Top(1024), ascending(1024))
	}
	if err := device.Sync(); err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct{ sequences, length int }{{1, 883}, {1, 8256}, {8, 883}, {8, 8256}, {16, 883}, {16, 8256}, {32, 883}, {32, 8256}} {
		s.decode(b, c.sequences, c.length)
	}
	s.prefill(b, prompt)
	s.compress(b, prompt)
}

func randoms(n int) []float32 {
	random, x := rand.New(rand.NewPCG(5, 6)), make([]float32, n)
	for i := range x {
		x[i] = float32(random.NormFloat64())
	}
	return x
}

func ascending(n int) []int32 {
	rows := make([]int32, n)
	for i := range rows {
		rows[i] = int32(i)
	}
	return rows
}

func (s *stack) decode(b *testing.B, sequences, length int) {
	all := s.cached(b, sequences, length)
	key := fmt.Sprint(sequences)
	step := func() backend.Batch {
		batch := must(s.b.Stage(all))
		s.b.Capture(key, func() { s.run(batch, sequences, sequences) })
		for i := range all {
			all[i].Tokens[0] = backend.Slot(int32(i))
		}
		return batch
	}
	for range 3 {
		step()
	}
	if err := s.b.Sync(); err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	for range 5 { // steps follow each other without a wait, as an engine's do
		start, last := time.Now(), backend.Batch(nil)
		for range 10 {
			last = step()
		}
		if choices, err := s.b.Sampled(last); err != nil || choices[0].Token < 0 {
			b.Fatalf("the choices are %v: %v", choices, err)
		}
		took = append(took, time.Since(start)/10)
	}
	slices.Sort(took)
	ms := float64(took[2].Microseconds()) / 1e3
	fmt.Printf("decode   %2d x %5d rows  %7.3f ms  floor %6.3f  %4.0f %%\n", sequences, length, ms, s.floor(sequences, length), 100*s.floor(sequences, length)/ms)
}

// compress times a prompt's compression at a tenth, from its call to its result, with windows of up to 8 and 64 rows, without and with what
// prefill has saved.
func (s *stack) compress(b *testing.B, visual int) {
	const before, observed, permille = 14, 64, 100
	p := compress.Prompt{Rows: before + visual + observed, Visual: ascending(before + visual)[before:], Observe: ascending(before + visual + observed)[before+visual:]}
	quota := compress.Quota{Visual: visual, Layers: s.layers, Permille: permille}
	c := backend.Compression{Options: compress.Defaults(), Permille: permille, Heads: s.heads, Prompt: p}
	source := s.cached(b, 2, p.Rows) // the second sequence's pages are the fresh ones
	for _, kv := range source[1].KV.Layers {
		c.Pages = append(c.Pages, kv.Pages...)
	}
	c.Pages = c.Pages[:backend.LeastPages(s.layers, before+observed, quota.Total(s.layers))]
	last := source[0]
	last.Rows, last.Tokens, last.KV.Layers = observed, nil, slices.Clone(last.KV.Layers)
	for layer := range last.KV.Layers {
		last.KV.Layers[layer].Len = before + visual
	}
	batch, qkv := must(s.b.Stage([]backend.Sequence{last})), s.qkv.Top(observed)
	var known []backend.Tensor
	for layer, kv := range source[0].KV.Layers {
		c.Sources = append(c.Sources, kv)
		q, sums := must(s.b.Alloc(observed, s.heads.Query*s.heads.Dim, backend.Working)), must(s.b.Alloc(observed, s.heads.Query, backend.Exact))
		s.b.Write(qkv, randoms(observed*s.heads.Width()))
		s.b.Attend(s.mixed.Top(observed), sums, qkv, layer, batch, s.heads)
		s.b.Gather(q, qkv, ascending(observed))
		c.Queries, known = append(c.Queries, q), append(known, sums)
	}
	if err := s.b.Sync(); err != nil {
		b.Fatal(err)
	}
	for _, window := range []int{8, 64} {
		for _, sums := range [][]backend.Tensor{nil, known} {
			c.Options.EliteMax, c.Sums = window, sums
			var queued, took []time.Duration
			elite := 0
			for range 15 {
				start := time.Now()
				ticket := must(s.b.Compress(c))
				queued = append(queued, time.Since(start))
				result, err := ticket.Result()
				if err != nil {
					b.Fatal(err)
				}
				took, elite = append(took, time.Since(start)), result.Elite[0]
			}
			slices.Sort(queued)
			slices.Sort(took)
			fmt.Printf("compress %5d visual rows, %2d rows look, sums %-5v %6.3f ms, queued after %.3f\n", visual, elite, sums != nil,
				float64(took[7].Microseconds())/1e3, float64(queued[7].Microseconds())/1e3)
		}
	}
}

// BenchmarkCompress is that alone, without 15 GB of weights.
func BenchmarkCompress(b *testing.B) {
	path := os.Getenv(libraryVariable)
	if path == "" {
		b.Skip("set " + libraryVariable + " to the GPU's library: this is for a device")
	}
	shape := qwen2
	shape.hidden, shape.inner, shape.vocab = 64, 64, 64
	device := backend.Check(must(Open(Options{Library: path})))
	defer device.Close()
	visual := 8192
	if n, err := strconv.Atoi(os.Getenv("AIRCACHE_BENCH_VISUAL")); err == nil {
		visual = n
	}
	s := newStack(device, shape, min(visual, 1024), 1)
	device.Write(s.qkv, randoms(s.qkv.Rows*s.heads.Width()))
	s.compress(b, visual)
}

func (s *stack) prefill(b *testing.B, rows int) {
	all := s.cached(b, 1, rows)
	prompt := backend.Sequence{Rows: rows, Tokens: make([]int32, rows), Slot: 0, KV: backend.KVView{}}
	for i := range prompt.Tokens {
		prompt.Tokens[i] = int32(i * 7 % s.vocab)
	}
	for _, kv := range all[0].KV.Layers {
		prompt.KV.Layers = append(prompt.KV.Layers, backend.LayerKV{Pages: kv.Pages})
	}
	var took []time.Duration
	for range 4 {
		start := time.Now()
		batch := must(s.b.Stage([]backend.Sequence{prompt}))
		s.run(batch, rows, 1)
		if err := s.b.Sync(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	fmt.Printf("prefill  %5d rows       %7.1f ms\n", rows, float64(took[1].Microseconds())/1e3)
}
