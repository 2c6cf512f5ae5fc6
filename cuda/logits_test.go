package cuda_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"aircache.dev/aircache/cuda"
	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/model"
	"aircache.dev/aircache/runtime/weights"
)

// logitTolerance is how far a logit may be from transformers', as a share of the range of its row. Rounding to bfloat16 is off by
// 2^-9 at most; a row is rounded several times in each of the tower's and the decoder's layers, and such errors add up as their root.
const logitTolerance = 1.0 / 128

// TestTheFirstLogitsAreThoseOfTransformers prefills the goldens' prompts. Theirs are float32 of the weights as shipped.
func TestTheFirstLogitsAreThoseOfTransformers(t *testing.T) {
	for name, path := range cuda.Devices(t) {
		asked := questions(t)
		if n, err := strconv.Atoi(os.Getenv("AIRCACHE_PARITY_QUESTIONS")); err == nil {
			asked = asked[:min(n, len(asked))]
		} else if name == "simulated" {
			asked = asked[:1]
		}
		t.Run(name, func(t *testing.T) { compareLogits(t, path, asked) })
	}
}

func compareLogits(t *testing.T, path string, asked []question) {
	want := lastLogits(t)
	device, err := cuda.Open(cuda.Options{Library: path})
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	m, err := model.Load(filepath.Join(cuda.Root(), tinyModel), device)
	if err != nil {
		t.Fatal(err)
	}
	kv := ownPages(m.Config().Layers, 1300)
	if err := m.Reserve(model.Capacity{Pages: m.Config().Layers * backend.Pages(1300), Sequences: 1, Rows: 1300}); err != nil {
		t.Fatal(err)
	}
	largest, over := 0.0, 0.0
	for i, q := range asked {
		names := slices.Clone(q.Pictures)
		for j := range names {
			names[j] = strings.Replace(names[j], ".jpg", ".decoded.png", 1) // decoders differ by a level or two
		}
		v, err := m.EncodeImages(pictures(t, names))
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Prefill(q.Tokens, v, kv, nil, nil)
		v.Release()
		if err != nil {
			t.Fatal(err)
		}
		share, span := apart(got, want[i])
		largest, over = max(largest, share), max(over, span)
		if !(share <= logitTolerance) { // NaN
			t.Errorf("a logit of prompt %d is off by %.4f of their range %.1f, %.4f is allowed", i, share, span, logitTolerance)
		}
	}
	t.Logf("%s: %d prompts, a logit differs by up to %.5f of its row's range (at most %.1f), %.5f is allowed", device.Name(), len(asked), largest, over, logitTolerance)
}

// apart is the largest difference as a share of the range of what is wanted, and that range.
func apart(got, want []float32) (share, span float64) {
	span = float64(slices.Max(want) - slices.Min(want))
	for i, w := range want {
		share = max(share, max(float64(got[i]-w), float64(w-got[i]))/span)
	}
	return share, span
}

func ownPages(layers, rows int) backend.KVView {
	kv := backend.KVView{Layers: make([]backend.LayerKV, layers)}
	for l := range kv.Layers {
		for range backend.Pages(rows) {
			kv.Layers[l].Pages = append(kv.Layers[l].Pages, int32(l*backend.Pages(rows)+len(kv.Layers[l].Pages)))
		}
	}
	return kv
}

// lastLogits are transformers', by prompt.
func lastLogits(t *testing.T) [][]float32 {
	t.Helper()
	dir := t.TempDir() // the reader wants a model folder's file name
	content, err := os.ReadFile(filepath.Join(cuda.Root(), goldens, "tensors.safetensors"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "model.safetensors"), content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	tensors, err := weights.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tensors.Close()
	values, err := tensors.Float32("last_logits", -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(slices.Chunk(values, len(values)/len(questions(t))))
}
