package parity

import (
	"cmp"
	"path/filepath"
	"slices"
	"testing"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/eval"
	"aircache.dev/aircache/runtime/model"
)

// Journey goes through goldens of one family on one device.
type Journey struct {
	Model   string // folder
	Goldens string // folder
	Device  backend.Backend
	Only    []string // names of the goldens to run; none: all

	// Tolerance is how far a logit may be off, as a share of the range of its row: 1e-5 of float32's rounding.
	Tolerance float64
}

// Run holds prompt tokens and visual tokens against the goldens, which must be equal, then the logits of the prompt's last row
// and of the first steps. Every step is fed transformers' token; ours must be the same wherever it leads by more than the
// tolerance of two logits.
func (j Journey) Run(t *testing.T) {
	goldens := read(t, j.Goldens)
	m, err := model.Load(j.Model, j.Device)
	must(t, err)
	must(t, m.Reserve(model.Capacity{Pages: 400, Sequences: 1, Rows: 400}))
	reader, err := eval.OpenReader(j.Model, m.Config())
	must(t, err)
	largest, turned, ran := 0.0, 0, 0
	for _, g := range goldens {
		if len(j.Only) > 0 && !slices.Contains(j.Only, g.Name) {
			continue
		}
		ran++
		t.Run(g.Name, func(t *testing.T) {
			p, err := reader.Prompt(eval.Item{Pictures: g.pictures(t, j.Goldens), Question: g.Question}, len(g.Greedy))
			must(t, err)
			if !slices.Equal(p.Tokens, g.Tokens) {
				t.Fatalf("the prompt is\n%v, transformers has\n%v", p.Tokens, g.Tokens)
			}
			for i, px := range p.Images {
				if n := m.Config().Rows(px); n != g.Visual[i] {
					t.Errorf("picture %d has %d visual tokens, transformers %d", i, n, g.Visual[i])
				}
			}
			off, ties := j.answer(t, m, g, p)
			largest, turned = max(largest, off), turned+ties
		})
	}
	if want := cmp.Or(len(j.Only), len(goldens)); ran != want {
		t.Errorf("%d goldens ran, %d wanted", ran, want)
	}
	t.Logf("%s, %s on %s: %d prompts, the largest difference of a logit is %.2g of its row's range (%.2g is allowed), %d greedy tokens differ where two are as close",
		filepath.Base(j.Goldens), m.Config().Architecture, j.Device.Name(), ran, largest, j.Tolerance, turned)
}

// answer gives the largest difference of a logit, as a share of its row's range, and how many greedy tokens are another within
// the tolerance.
func (j Journey) answer(t *testing.T, m *model.LLaVA, g golden, p eval.Prompt) (largest float64, ties int) {
	v, err := m.EncodeImages(p.Images)
	must(t, err)
	defer v.Release()
	kv := pages(m.Config().Layers, len(p.Tokens)+len(g.Greedy))
	logits, err := m.Prefill(p.Tokens, v, kv, nil, nil)
	must(t, err)
	kv.Position = len(p.Tokens)
	for step, want := range g.Greedy {
		if step < len(g.logits) {
			off := apart(logits, g.logits[step])
			if !(off <= j.Tolerance) { // NaN
				t.Errorf("step %d: a logit is off by %.2g of their range, %.2g is allowed", step, off, j.Tolerance)
			}
			largest = max(largest, off)
		}
		if token := slices.Index(logits, slices.Max(logits)); int32(token) != want {
			lead := float64(logits[token]-logits[want]) / span(logits)
			if !(lead <= 2*j.Tolerance) {
				t.Fatalf("token %d of the answer is %d, transformers has %d: by %.2g of the logits' range, %.2g is allowed", step, token, want, lead, 2*j.Tolerance)
			}
			ties++
		}
		for l := range kv.Layers {
			kv.Layers[l].Len = kv.Position
		}
		rows, err := m.Decode([]model.DecodeRow{{Token: want, KV: kv}})
		must(t, err)
		logits = rows[0]
		kv.Position++
	}
	return largest, ties
}

// apart is the largest difference as a share of the range of what is wanted.
func apart(got, want []float32) (share float64) {
	width := span(want)
	for i, w := range want {
		share = max(share, max(float64(got[i]-w), float64(w-got[i]))/width)
	}
	return share
}

func span(logits []float32) float64 { return float64(slices.Max(logits) - slices.Min(logits)) }

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

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
