package parity

import (
	"cmp"
	"math"
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

// Distance is how far a golden's logits are from transformers' in float32: the root of the mean square over all rows, as a share
// of their own. Theirs is that of transformers in bfloat16, 0 where the golden does not tell.
type Distance struct {
	Name   string  `json:"name"`
	Tokens int     `json:"tokens"`
	Visual []int   `json:"visual_tokens"`
	Ours   float64 `json:"ours"`
	Theirs float64 `json:"transformers_bfloat16,omitempty"`
	Most   float64 `json:"most"`   // of a logit of ours, as a share of its row's range
	Turned int     `json:"turned"` // greedy tokens that are another where two are about as likely
}

// Run holds prompt tokens and visual tokens against the goldens, which must be equal, then the logits of the prompt's last row
// and of the first steps. Every step is fed transformers' token; ours must be the same wherever it leads by more than the
// tolerance of two logits.
func (j Journey) Run(t *testing.T) (all []Distance) {
	goldens := read(t, j.Goldens)
	m, err := model.Load(j.Model, j.Device)
	must(t, err)
	longest := longestOf(goldens)
	must(t, m.Reserve(model.Capacity{Pages: m.Config().Layers * backend.Pages(longest), Sequences: 1, Rows: longest}))
	reader, err := eval.OpenReader(j.Model, m.Config())
	must(t, err)
	largest, turned := 0.0, 0
	for _, g := range goldens {
		if len(j.Only) > 0 && !slices.Contains(j.Only, g.Name) {
			continue
		}
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
			d := j.answer(t, m, g, p)
			largest, turned, all = max(largest, d.Most), turned+d.Turned, append(all, d)
		})
	}
	if want := cmp.Or(len(j.Only), len(goldens)); len(all) != want {
		t.Errorf("%d goldens ran to their end, %d wanted", len(all), want)
	}
	t.Logf("%s, %s on %s: %d prompts, the largest difference of a logit is %.2g of its row's range (%.2g is allowed), %d greedy tokens differ where two are as close",
		filepath.Base(j.Goldens), m.Config().Architecture, j.Device.Name(), len(all), largest, j.Tolerance, turned)
	return all
}

func (j Journey) answer(t *testing.T, m *model.LLaVA, g golden, p eval.Prompt) Distance {
	d := Distance{Name: g.Name, Tokens: len(g.Tokens), Visual: g.Visual}
	var ours [][]float32
	v, err := m.EncodeImages(p.Images)
	must(t, err)
	defer v.Release()
	kv := pages(m.Config().Layers, len(p.Tokens)+len(g.Greedy))
	logits, err := m.Prefill(p.Tokens, v, kv, nil, nil)
	must(t, err)
	rows := len(p.Tokens)
	kv.Position = m.Config().Span(p.Tokens, p.Images)
	for step, want := range g.Greedy {
		if step < len(g.logits) {
			off := apart(logits, g.logits[step])
			if !(off <= j.Tolerance) { // NaN
				t.Errorf("step %d: a logit is off by %.2g of their range, %.2g is allowed", step, off, j.Tolerance)
			}
			d.Most, ours = max(d.Most, off), append(ours, slices.Clone(logits))
		}
		if token := slices.Index(logits, slices.Max(logits)); int32(token) != want {
			lead := float64(logits[token]-logits[want]) / span(logits)
			if !(lead <= 2*j.Tolerance) {
				t.Fatalf("token %d of the answer is %d, transformers has %d: by %.2g of the logits' range, %.2g is allowed", step, token, want, lead, 2*j.Tolerance)
			}
			d.Turned++
		}
		for l := range kv.Layers {
			kv.Layers[l].Len = rows
		}
		next, err := m.Decode([]model.DecodeRow{{Token: want, KV: kv}})
		must(t, err)
		logits = next[0]
		rows++
		kv.Position++
	}
	d.Ours = distance(ours, g.logits)
	if g.rounded != nil {
		d.Theirs = distance(g.rounded, g.logits)
	}
	return d
}

// distance is the root of the mean square of got - want, as a share of that of want around its mean.
func distance(got, want [][]float32) float64 {
	var off, sum, squares, n float64
	for i, row := range want {
		for k, w := range row {
			d := float64(got[i][k]) - float64(w)
			off, sum, squares, n = off+d*d, sum+float64(w), squares+float64(w)*float64(w), n+1
		}
	}
	return math.Sqrt(off / (squares - sum*sum/n))
}

// longestOf is the rows that a prompt and its answer fill at most.
func longestOf(goldens []golden) (rows int) {
	for _, g := range goldens {
		rows = max(rows, len(g.Tokens)+len(g.Greedy))
	}
	return rows
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
