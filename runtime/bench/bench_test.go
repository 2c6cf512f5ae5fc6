package bench

import (
	"context"
	"strings"
	"testing"
	"time"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/backend/cpu"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/model"
)

// small is a model of one tile a picture, 36 rows each: as small as AirCache compresses at all with two of them.
const small = `{"architectures": ["LlavaForConditionalGeneration"], "image_token_index": 99, "eos_token_id": 1,
 "vision_feature_layer": -1, "vision_feature_select_strategy": "full",
 "text_config": {"model_type": "qwen2", "vocab_size": 100, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
  "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 600, "rope_theta": 10000.0},
 "vision_config": {"model_type": "siglip_vision_model", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
  "num_attention_heads": 2, "image_size": 24, "patch_size": 4}}`

// ticker is a clock that goes on by a microsecond at each look.
type ticker struct{ now time.Time }

func (c *ticker) look() time.Time {
	c.now = c.now.Add(time.Microsecond)
	return c.now
}

func newBench(t *testing.T, what ...string) *Bench {
	t.Helper()
	device, err := cpu.New(cpu.Options{Threads: 1, BLAS: cpu.Builtin})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = device.Close() })
	m, err := model.Random([]byte(small), device, 1)
	if err != nil {
		t.Fatal(err)
	}
	return &Bench{Device: device, Model: m, Options: Options{
		What: what, Batches: []int{1, 3}, Visuals: []int{100}, Permilles: []int{1000, 100}, Tokens: []int{20, 37}, Tiles: []int{1, 2}, Text: 16,
		Repeat: 2, Requests: 12, Rate: 1000, Arrivals: 6, PoolBytes: 4 << 20, Policy: compress.Defaults(), Ceilings: Ceilings{Bytes: 1e9, Products: 1e10}, Seed: 1,
		Clock: time.Now, Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		MemoryUsed: func() (int64, error) { return 5 << 20, nil },
	}}
}

func run(t *testing.T, b *Bench) []Figure {
	t.Helper()
	figures, err := b.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range figures {
		if f.What != "memory" && !(f.Value > 0) {
			t.Errorf("%+v should be above 0", f)
		}
	}
	return figures
}

func TestEveryKindGivesItsFigures(t *testing.T) {
	b := newBench(t)
	for kind, want := range map[string]int{"decode": 4, "ragged": 2, "prefill": 2, "vision": 2, "compress": 1, "capacity": 2, "serve": 12, "memory": 1} {
		b.Options.What, b.figures = []string{kind}, nil
		figures := run(t, b)
		if len(figures) != want {
			t.Errorf("%s gives %d figures, %d wanted: %+v", kind, len(figures), want, figures)
		}
		for _, f := range figures {
			if f.What != kind || f.Unit == "" || f.Unit == "ms" && f.What != "serve" && (f.Floor <= 0 || f.Work.Bytes <= 0) {
				t.Errorf("%s gives %+v, a unit and a floor are wanted", kind, f)
			}
		}
	}
}

func TestTimesAreMediansOfTheClockGiven(t *testing.T) {
	b := newBench(t, "prefill")
	b.Options.Clock = (&ticker{}).look
	for _, f := range run(t, b) {
		if f.Value != 0.001 || f.Low != 0.001 || f.High != 0.001 || f.Repeats != 2 {
			t.Errorf("%+v, 0.001 ms of 2 repeats wanted: the clock is read once before a prompt and once after it", f)
		}
	}
}

func TestDecodeFloorsCountTheRowsThatAreRead(t *testing.T) {
	b := newBench(t, "decode")
	for _, f := range run(t, b) {
		want := b.counter.Decode(f.Batch, f.Batch*3*(100*f.Permille/1000+16))
		if *f.Work != want || f.Floor != 1e3*b.Options.Ceilings.Floor(want) {
			t.Errorf("%+v, the work %+v wanted", f, want)
		}
	}
}

func TestRaggedLayersReadAsMuchAsEqualOnes(t *testing.T) {
	b := newBench(t)
	if _, err := b.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, visual := range []int{0, 1, 10, 819, 8191} {
		equal, differ := b.even(2, visual+16), b.uneven(2, visual, 16)
		if equal.total() != differ.total() {
			t.Errorf("%d visual rows: %v and %v rows in all, the same wanted", visual, equal.total(), differ.total())
		}
		if visual > 100 && differ.longest() < equal.longest()*3/2 {
			t.Errorf("%d visual rows: the layers %v hardly differ", visual, differ.rows)
		}
	}
}

func TestACaseThatDoesNotFitIsSaidSo(t *testing.T) {
	b := newBench(t, "decode")
	b.Options.PoolBytes = 120_000 // 116 rows + 8 to come in 3 layers take 3 * 8 pages of 2 KiB
	figures, err := b.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fits := 0
	for _, f := range figures {
		if f.Value > 0 {
			fits++
		} else if !strings.Contains(f.Note, "does not fit") {
			t.Errorf("%+v has no value and does not say why", f)
		}
	}
	if fits != 3 || len(figures) != 4 {
		t.Errorf("%d of %d cases fit, 3 of 4 wanted: three whole caches do not", fits, len(figures))
	}
}

func TestCapacityFollowsTheEnginesPromises(t *testing.T) {
	figures := run(t, newBench(t, "capacity"))
	whole, tenth := figures[0], figures[1]
	if whole.Permille != 1000 || whole.Value > whole.Floor || tenth.Value > tenth.Floor || tenth.Value <= whole.Value {
		t.Errorf("%+v and %+v: more fit at a tenth, neither more than its bytes allow", whole, tenth)
	}
}

func TestTheCacheHoldsNoZeros(t *testing.T) {
	b := newBench(t)
	if _, err := b.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.reserve(5, 1, 16); err != nil {
		t.Fatal(err)
	}
	width := b.config.KVHeads * b.config.HeadDim
	keys, values := make([]float32, 2*width), make([]float32, 2*width)
	for page := range int32(5) {
		b.Device.ReadRows(keys, values, backend.LayerKV{Pages: []int32{page}, Len: 16}, []int32{0, 15})
		for _, v := range append(keys[:len(keys):len(keys)], values...) {
			if v == 0 {
				t.Fatalf("page %d has zeros", page)
			}
		}
	}
}

func TestWrongOptionsNameFieldAndLimit(t *testing.T) {
	b := newBench(t)
	right := b.Options
	for want, change := range map[string]func(*Options){
		"what: \"speed\" is not known":                 func(o *Options) { o.What = []string{"speed"} },
		"batch: 0 is outside 1..1024":                  func(o *Options) { o.Batches = []int{1, 0} },
		"tiles: none is given, from 1 to 64 is wanted": func(o *Options) { o.Tiles = nil },
		"tokens: 600 is outside 1..599":                func(o *Options) { o.Tokens = []int{600} },
		"retention in permille: 1001":                  func(o *Options) { o.Permilles = []int{1001} },
		"repeat: 0 is outside 1..10000":                func(o *Options) { o.Repeat = 0 },
		"rate: 0 requests a second is outside":         func(o *Options) { o.Rate = 0 },
		"pool: 10 bytes do not hold a page of each":    func(o *Options) { o.PoolBytes = 10 },
		"bandwidth is -1 a second, it must be from 0":  func(o *Options) { o.Ceilings.Bytes = -1 },
		"clock, wait and memory must be given":         func(o *Options) { o.Clock = nil },
		"a retention under 1000 permille is needed":    func(o *Options) { o.What, o.Permilles = []string{"compress"}, []int{1000} },
		"no case fits in a pool of":                    func(o *Options) { o.What, o.PoolBytes = []string{"decode"}, 15_000 },
		"a prompt of 37 tokens needs a cache of 18432": func(o *Options) { o.What, o.PoolBytes = []string{"prefill"}, 15_000 },
	} {
		b.Options = right
		change(&b.Options)
		if _, err := b.Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, it should say %q", err, want)
		}
	}
}

func TestMemoryComparesTheEndWithTheFirstTenth(t *testing.T) {
	b := newBench(t, "memory")
	b.Options.Requests = 20
	used := int64(100 << 20)
	b.Options.MemoryUsed = func() (int64, error) {
		used += 1 << 20
		return used, nil
	}
	if f := run(t, b)[0]; f.Value != 9 || f.Repeats != 20 || !strings.Contains(f.Note, "101.0 MiB in use after 2 requests, 110.0 after 20") {
		t.Errorf("%+v, a growth by 9 MiB wanted: ten looks, a MiB more at each", f)
	}
}

func TestAnInterruptedCountOfMemoryTellsWhatWasDone(t *testing.T) {
	b := newBench(t, "memory")
	b.Options.Requests = 20
	ctx, stop := context.WithCancel(t.Context())
	looks := 0
	b.Options.MemoryUsed = func() (int64, error) {
		if looks++; looks == 3 {
			stop()
		}
		return 1 << 20, nil
	}
	figures, err := b.Run(ctx)
	if err == nil || len(figures) != 1 || figures[0].Repeats != 6 {
		t.Errorf("%v, %+v: an error and a figure of 6 requests wanted", err, figures)
	}
}

// anySize is a small Qwen2-VL, whose pictures have no tiles.
const anySize = `{"architectures": ["Qwen2VLForConditionalGeneration"], "image_token_id": 99, "eos_token_id": 1,
 "vocab_size": 100, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
 "max_position_embeddings": 600, "rope_scaling": {"type": "mrope", "mrope_section": [1, 1, 2]},
 "vision_config": {"depth": 1, "embed_dim": 16, "hidden_size": 32, "mlp_ratio": 2, "num_heads": 2}}`

func TestModelsForPicturesOfAnySizeAreMeasuredWithoutPictures(t *testing.T) {
	b := newBench(t, "decode", "prefill")
	m, err := model.Random([]byte(anySize), b.Device, 1)
	if err != nil {
		t.Fatal(err)
	}
	b.Model = m
	run(t, b)
	b.Options.What = []string{"vision"}
	if _, err := b.Run(t.Context()); err == nil || !strings.Contains(err.Error(), `what: "vision" shows pictures of one size, this model takes any: ["decode" "ragged" "prefill" "capacity"] can be measured`) {
		t.Errorf("the error is %v", err)
	}
}
