package plan

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/backend/cpu"
	"aircache.dev/aircache/runtime/kv"
	"aircache.dev/aircache/runtime/model"
)

func shape(t *testing.T, name string, kind Kind) model.Footprint {
	t.Helper()
	config, err := model.Shape(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := MeasureShape(config, kind, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The parameters of LLaVA-OneVision-7B, counted by hand from its configuration.
func TestTheWeightsOfASevenBillionModel(t *testing.T) {
	const (
		hidden, inner, vocab = 3584, 18944, 152128
		qkv                  = (28 + 2*4) * 128
		layer                = hidden*qkv + qkv + 28*128*hidden + 3*hidden*inner + 2*hidden
		decoder              = 28*layer + 2*vocab*hidden + hidden

		width, mlp, patches = 1152, 4304, 729
		block               = 4*width*width + 4*width + 2*width*mlp + mlp + width + 4*width
		tower               = 26*block + 588*width + width + patches*width
		projector           = width*hidden + hidden + hidden*hidden + hidden
		newline             = hidden
	)
	f := shape(t, "llava-onevision-7b", CUDA)
	rotation := int64(4 * 64) // one number for each pair of a head, exact
	if want := 2*int64(decoder+tower+projector+newline) + rotation; f.Weights != want {
		t.Errorf("%d bytes of weights, by hand %d", f.Weights, want)
	}
	if n := BytesPerToken(f); n != 28*2*4*128*2 {
		t.Errorf("%d bytes of KV a token", n)
	}
	if host := shape(t, "llava-onevision-7b", CPU); host.Weights != 2*f.Weights-rotation {
		t.Errorf("float32 takes %d bytes, bfloat16 %d", host.Weights, f.Weights)
	}
}

// tally is a real backend that counts what it allocates.
type tally struct {
	*cpu.Backend
	bytes int64
}

func (c *tally) Alloc(rows, cols int, p backend.Precision) (backend.Tensor, error) {
	c.bytes += 4 * int64(rows) * int64(cols)
	return c.Backend.Alloc(rows, cols, p)
}

func (c *tally) Free(t backend.Tensor) {
	c.bytes -= 4 * int64(t.Rows) * int64(t.Cols)
	c.Backend.Free(t)
}

// beside is one that says that it works beside the host, so that Reserve allocates all activations.
type beside struct{ *tally }

func (beside) Asynchronous() bool { return true }

func TestThePlanIsWhatLoadingTakes(t *testing.T) {
	const tiny = "../../models/aircache-tiny"
	host, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	real := &tally{Backend: host}
	m, err := model.Load(tiny, beside{real})
	if err != nil {
		t.Fatal(err)
	}
	planned, err := Measure(tiny, Kind{Name: "cpu", Bytes: 4, Asynchronous: true}, 1000, 4)
	if err != nil {
		t.Fatal(err)
	}
	if real.bytes != planned.Weights {
		t.Errorf("loading took %d bytes, %d were planned", real.bytes, planned.Weights)
	}
	if err := m.Reserve(model.Capacity{Pages: 100, Sequences: 4, Rows: 1000}); err != nil {
		t.Fatal(err)
	}
	if got := real.bytes - planned.Weights; got != planned.Activations {
		t.Errorf("activations took %d bytes, %d were planned", got, planned.Activations)
	}
}

func TestAFolderWithoutWeightsIsMeasuredByItsConfiguration(t *testing.T) {
	dir := t.TempDir()
	text, err := os.ReadFile("../../models/aircache-tiny/config.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	alone, err := Measure(dir, CUDA, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := Measure("../../models/aircache-tiny", CUDA, 0, 1)
	if err != nil || math.Abs(float64(alone.Weights-whole.Weights)) > .01*float64(whole.Weights) {
		t.Errorf("%d bytes without the weights, %d with them: %v", alone.Weights, whole.Weights, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "model.safetensors"), []byte("cut"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Measure(dir, CUDA, 0, 1); err == nil {
		t.Error("broken weights were planned")
	}
}

func TestMemoryOfAnH100(t *testing.T) {
	h100, err := FindGPU("H100")
	if err != nil {
		t.Fatal(err)
	}
	m := OnGPU(h100.Memory, Overhead, shape(t, "llava-onevision-7b", CUDA))
	if sum := m.Overhead + m.Weights + m.Activations + m.Spare + m.KV; sum != m.Device {
		t.Errorf("the parts make %d of %d bytes", sum, m.Device)
	}
	const measured = 63.0e9 // docs/performance.md
	if off := float64(m.KV)/measured - 1; math.Abs(off) > .005 {
		t.Errorf("%.2f GB of KV cache, %.1f were measured", float64(m.KV)/1e9, measured/1e9)
	}
	if err := m.Check(1 << 30); err != nil {
		t.Error(err)
	}
}

func TestWhatDoesNotFitIsRefusedWithTheNumbers(t *testing.T) {
	err := OnGPU(12<<30, Overhead, shape(t, "llava-onevision-7b", CUDA)).Check(16 << 20)
	if !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
	for _, words := range []string{"5.92 GB are missing", "of 12.88 GB are taken already 1.20 GB", "weights 16.06 GB", "activations 1.53 GB (a picture 0.31 GB of them)"} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("the error does not say %q: %v", words, err)
		}
	}
	host := OnHost(1<<30, model.Footprint{Weights: 700 << 20})
	if host.KV != -188<<20 || host.Check(16<<20) != nil {
		t.Errorf("%+v: half is kept for the heap, unless it is needed", host)
	}
}

// The sequences that docs/performance.md counted with the engine's own accounting, in 63.0 GB of pages.
func TestSequencesOfTheSevenBillionModel(t *testing.T) {
	pool, err := Pool(63.0e9, shape(t, "llava-onevision-7b", CUDA))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ visual, permille, counted int }{
		{2048, 1000, 490}, {8192, 1000, 131}, {32640, 1000, 33}, {2048, 100, 2724}, {8192, 100, 1079}, {32640, 100, 317},
	} {
		got := Sequences(pool, Request{Visual: c.visual, Text: 64, Answer: 129, Permille: c.permille})
		if off := float64(got)/float64(c.counted) - 1; math.Abs(off) > .015 {
			t.Errorf("%d visual tokens at %d permille: %d sequences, %d were counted", c.visual, c.permille, got, c.counted)
		}
		copied := Sequences(pool, Request{Visual: c.visual, Text: 64, Answer: 129, Permille: c.permille, Copied: true})
		if copied > got || float64(copied) < .8*float64(got) {
			t.Errorf("%d visual tokens at %d permille: %d sequences where prompts are copied, %d where not", c.visual, c.permille, copied, got)
		}
	}
	small := kv.Shape{Pages: 28 * 20, PageTokens: 16, Layers: 28, PageBytes: 32768}
	if n := Sequences(small, Request{Visual: 8192, Text: 64, Answer: 128, Permille: 1000}); n != 0 {
		t.Errorf("%d sequences of 516 pages a layer in a pool of 20", n)
	}
}

func TestEveryPublishedShapeHasAPlan(t *testing.T) {
	for _, name := range model.Shapes() {
		for _, kind := range []Kind{CUDA, CPU} {
			if f := shape(t, name, kind); f.Weights < 1 || f.Activations < f.Vision || f.Vision < 1 {
				t.Errorf("%s on %s: %+v", name, kind.Name, f)
			}
		}
	}
}

func TestGPUsHaveNamesOfTheirOwn(t *testing.T) {
	names := Names()
	slices.Sort(names)
	if len(slices.Compact(names)) != len(GPUs) {
		t.Errorf("%q", names)
	}
	if _, err := FindGPU("abacus"); err == nil || !strings.Contains(err.Error(), "l4, rtx4090") {
		t.Error(err)
	}
}
