package model

import (
	"encoding/json"
	"math"
	"testing"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/weights"
)

// counter is a source that counts what is asked for. Large tensors are not shown to those who would load them.
type counter struct {
	values int
	zeros  []byte
}

const shownValues = 1 << 23

func (c *counter) Has(string) bool { return true }

func (c *counter) Use(_ string, use func(weights.Tensor) error, shape ...int) error {
	n := 1
	for _, d := range shape {
		n *= d
	}
	c.values += n
	if n > shownValues {
		return nil
	}
	return use(weights.Tensor{DType: weights.BF16, Shape: shape, Data: c.zeros[:2*n]})
}

// The published parameter counts, in billions.
func TestPublishedConfigurationsLoadWithAllTheirParameters(t *testing.T) {
	for name, want := range map[string]struct {
		billions float64
		heads    backend.Heads
		vision   backend.Heads
		eos      int32
	}{
		"llava-1.5-7b":          {7.06, backend.Heads{Query: 32, KV: 32, Dim: 128}, backend.Heads{Query: 16, KV: 16, Dim: 64}, 2},
		"llava-next-mistral-7b": {7.57, backend.Heads{Query: 32, KV: 8, Dim: 128}, backend.Heads{Query: 16, KV: 16, Dim: 64}, 2},
		"qwen2-vl-7b":           {8.29, backend.Heads{Query: 28, KV: 4, Dim: 128}, backend.Heads{Query: 16, KV: 16, Dim: 80}, 151645},
		"qwen2.5-vl-7b":         {8.29, backend.Heads{Query: 28, KV: 4, Dim: 128}, backend.Heads{Query: 16, KV: 16, Dim: 80}, 151645},
		"qwen3-vl-8b":           {8.77, backend.Heads{Query: 32, KV: 8, Dim: 128}, backend.Heads{Query: 16, KV: 16, Dim: 72}, 151645},
		"internvl3-8b":          {7.94, backend.Heads{Query: 28, KV: 4, Dim: 128}, backend.Heads{Query: 16, KV: 16, Dim: 64}, 151645},
	} {
		text, err := Shape(name)
		if err != nil {
			t.Fatal(err)
		}
		var d document
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(err)
		}
		s, err := d.settings(nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.text.heads != want.heads || s.visionHeads() != want.vision || s.eos[0] != want.eos {
			t.Errorf("%s: heads %+v, the tower's %+v, end %v, want %+v", name, s.text.heads, s.visionHeads(), s.eos, want)
		}
		c := &counter{zeros: make([]byte, 2*shownValues)}
		m, err := build(s, c, &device{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := float64(c.values) / 1e9; math.Abs(got-want.billions) > 0.02 {
			t.Errorf("%s: %.3f billion parameters are loaded, want %.2f", name, got, want.billions)
		}
		if sizes := m.Sizes(); sizes.Vision.Hidden == 0 || sizes.Vision.Layers == 0 || sizes.Vision.Patches == 0 {
			t.Errorf("%s: sizes %+v", name, sizes)
		}
	}
}

func TestTowersOfPublishedConfigurations(t *testing.T) {
	for name, want := range map[string]image.Tower{
		"llava-1.5-7b":  {Side: 336, Patch: 14, Rows: 576},
		"qwen2-vl-7b":   {Patch: 14, Merge: 2, Frames: 2, Rows: 1},
		"internvl3-8b":  {Side: 448, Patch: 14, Rows: 256},
		"qwen2.5-vl-7b": {Patch: 14, Merge: 2, Frames: 2, Rows: 1},
		"qwen3-vl-8b":   {Patch: 16, Merge: 2, Frames: 2, Rows: 1},
	} {
		text, err := Shape(name)
		if err != nil {
			t.Fatal(err)
		}
		var d document
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(err)
		}
		s, err := d.settings(nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := s.tower(); got.Side != want.Side || got.Patch != want.Patch || got.Rows != want.Rows || got.Merge != want.Merge || got.Frames != want.Frames {
			t.Errorf("%s: the tower is %+v, want %+v", name, got, want)
		}
	}
}
