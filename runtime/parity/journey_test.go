package parity

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/backend/cpu"
	"aircache.dev/aircache/runtime/eval"
	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/model"
	"aircache.dev/aircache/runtime/weights"
)

// tolerance of a logit: a hundredth of what the issue allows. The logits are about 1.
const tolerance = 2e-5

// steps is how many rows of logits a golden has.
const steps = 4

// golden is one prompt and what transformers answers.
type golden struct {
	Name     string
	Pictures []string
	Question string
	Tokens   []int32 `json:"input_ids"`
	Visual   []int   `json:"visual_tokens"`
	Greedy   []int32 `json:"greedy_ids"`

	logits [][]float32 // of the prompt's last row, and of the first steps
}

// journey goes through all goldens of one family.
type journey struct {
	model   string // folder
	goldens string // folder
	cases   int
}

func (j journey) run(t *testing.T) {
	goldens := j.read(t)
	device, err := cpu.New(cpu.Options{Threads: 2})
	must(t, err)
	t.Cleanup(func() { must(t, device.Close()) })
	m, err := model.Load(j.model, device)
	must(t, err)
	must(t, m.Reserve(model.Capacity{Pages: 400, Sequences: 1, Rows: 400}))
	reader, err := eval.OpenReader(j.model, m.Config())
	must(t, err)
	largest := 0.0
	for _, g := range goldens {
		t.Run(g.Name, func(t *testing.T) {
			p, err := reader.Prompt(eval.Item{Pictures: j.pictures(t, g), Question: g.Question}, len(g.Greedy))
			must(t, err)
			if !slices.Equal(p.Tokens, g.Tokens) {
				t.Fatalf("the prompt is\n%v, transformers has\n%v", p.Tokens, g.Tokens)
			}
			for i, px := range p.Images {
				if n := m.Config().Rows(px); n != g.Visual[i] {
					t.Errorf("picture %d has %d visual tokens, transformers %d", i, n, g.Visual[i])
				}
			}
			largest = max(largest, g.answer(t, m, p))
		})
	}
	t.Logf("the largest difference of a logit is %.2g", largest)
	if largest > tolerance {
		t.Errorf("logits differ by up to %g, at most %g is allowed", largest, tolerance)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// answer compares logits and greedy tokens, and gives the largest difference of a logit.
func (g golden) answer(t *testing.T, m *model.LLaVA, p eval.Prompt) (largest float64) {
	v, err := m.EncodeImages(p.Images)
	must(t, err)
	defer v.Release()
	kv := pages(m.Config().Layers, len(p.Tokens)+len(g.Greedy))
	logits, err := m.Prefill(p.Tokens, v, kv, nil, nil)
	must(t, err)
	kv.Position = len(p.Tokens)
	for step, want := range g.Greedy {
		if step < len(g.logits) {
			for i, l := range g.logits[step] {
				largest = max(largest, math.Abs(float64(logits[i]-l)))
			}
		}
		token := int32(slices.Index(logits, slices.Max(logits)))
		if token != want {
			t.Fatalf("token %d of the answer is %d, transformers has %d", step, token, want)
		}
		for l := range kv.Layers {
			kv.Layers[l].Len = kv.Position
		}
		rows, err := m.Decode([]model.DecodeRow{{Token: token, KV: kv}})
		must(t, err)
		logits = rows[0]
		kv.Position++
	}
	return largest
}

// pages gives every layer its own.
func pages(layers, rows int) backend.KVView {
	kv := backend.KVView{Layers: make([]backend.LayerKV, layers)}
	next := int32(0)
	for l := range kv.Layers {
		for range backend.Pages(rows) {
			kv.Layers[l].Pages = append(kv.Layers[l].Pages, next)
			next++
		}
	}
	return kv
}

func (j journey) pictures(t *testing.T, g golden) (pictures []*image.RGB) {
	t.Helper()
	for _, name := range g.Pictures {
		b, err := os.ReadFile(filepath.Join(j.goldens, "pictures", name))
		must(t, err)
		p, err := image.Decode(b, image.Limits{})
		must(t, err)
		pictures = append(pictures, p)
	}
	return pictures
}

// read gives the goldens with their logits.
func (j journey) read(t *testing.T) []golden {
	t.Helper()
	var file struct{ Cases []golden }
	b, err := os.ReadFile(filepath.Join(j.goldens, "cases.json"))
	must(t, err)
	must(t, json.Unmarshal(b, &file))
	if len(file.Cases) != j.cases {
		t.Fatalf("%d goldens, %d wanted", len(file.Cases), j.cases)
	}
	dir := t.TempDir() // the reader wants a model folder's file name
	b, err = os.ReadFile(filepath.Join(j.goldens, "tensors.safetensors"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "model.safetensors"), b, 0o600))
	tensors, err := weights.Open(dir)
	must(t, err)
	defer func() { must(t, tensors.Close()) }()
	for i := range file.Cases {
		g := &file.Cases[i]
		values, err := tensors.Float32(fmt.Sprintf("%02d", i), -1, -1)
		must(t, err)
		for row := range slices.Chunk(values, len(values)/steps) {
			g.logits = append(g.logits, row)
		}
	}
	return file.Cases
}
