package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/backend/cpu"
	"aircache.dev/aircache/runtime/image"
)

// closeness to the float64 reference; the logits of these models are about 1 to 10.
const closeness = 2e-4

// TestEveryVariantEqualsTheReference goes the whole way with each: pictures, prompt, scores, a ragged compaction, decode steps.
func TestEveryVariantEqualsTheReference(t *testing.T) {
	variant := func(change func(*spec)) spec {
		s := small
		change(&s)
		return s
	}
	for name, s := range map[string]spec{
		"names and fields of transformers 4": small,
		"names and fields of transformers 5": variant(func(s *spec) { s.modern, s.theta = true, 500 }),
		"bf16 in three shards":               variant(func(s *spec) { s.dtype, s.shards, s.modern, s.nested = "BF16", 3, true, true }),
		"f16, tied head":                     variant(func(s *spec) { s.dtype, s.tied = "F16", true }),
		"last layer but one, first row dropped, no bias": variant(func(s *spec) {
			s.features, s.strategy, s.bias, s.actMiddle = []int{-2}, "default", false, "gelu_pytorch_tanh"
		}),
		"three hidden states side by side": variant(func(s *spec) { s.features, s.actVision = []int{0, -1, 2}, "gelu" }),
		"one head, one layer, theta 1e6": variant(func(s *spec) {
			s.heads, s.kv, s.dim, s.layers, s.theta, s.visionHeads = 1, 1, 2, 3, 1e6, 1
		}),
	} {
		t.Run(name, func(t *testing.T) {
			dir, weights := s.write(t)
			m := open(t, dir)
			(&journey{T: t, m: m, r: &reference{spec: s, w: weights}, random: rand.New(rand.NewPCG(5, 6))}).run()
		})
	}
}

func open(t *testing.T, dir string) *LLaVA {
	t.Helper()
	b, err := cpu.New(cpu.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	m, err := Load(dir, b)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Reserve(Capacity{Pages: 200, Sequences: 8, Rows: 500}); err != nil {
		t.Fatal(err)
	}
	return m
}

// journey is one variant's way through model and reference.
type journey struct {
	*testing.T
	m      *LLaVA
	r      *reference
	random *rand.Rand
	pages  dealer
}

func (j *journey) run() {
	visual, rows := j.encode(2)
	tokens := []int32{3, 7}
	for i := range rows {
		tokens = append(tokens, imageToken)
		if i == len(rows)/2 {
			tokens = append(tokens, 11)
		}
	}
	tokens = append(tokens, 4, 9, 20, 33, 2)
	n := len(tokens)
	observe := []int32{int32(n - 5), int32(n - 4), int32(n - 3), int32(n - 1)}

	kv, p := j.pages.view(j.r.layers, n+8), j.r.begin()
	want := j.feed(p, tokens, rows)
	deal := &dealt{view: kv, pages: slices.Clone(kv.Layers)}
	for l := range kv.Layers {
		kv.Layers[l].Pages = nil // they come layer by layer
	}
	deal.after = func(o *Observed) { j.scores(o, p, tokens, observe) }
	logits, err := j.m.Prefill(tokens, visual, kv, observe, deal)
	if err != nil {
		j.Fatal(err)
	}
	if deal.layers != j.r.layers {
		j.Errorf("%d layers were watched, want %d", deal.layers, j.r.layers)
	}
	j.expect("prompt", logits, want)
	advance(&kv, n)
	visual.Release()
	j.compact(&kv, p)

	other, q := j.pages.view(j.r.layers, 8), j.r.begin() // a second sequence, text only, not compacted
	if logits, err = j.m.Prefill([]int32{5}, Visual{}, other, nil, nil); err != nil {
		j.Fatal(err)
	}
	j.expect("prompt of one token", logits, j.feed(q, []int32{5}, nil))
	advance(&other, 1)
	for i := range int32(3) {
		got, err := j.m.Decode([]DecodeRow{{Token: 10 + i, KV: other}, {Token: 30 - i, KV: kv}})
		if err != nil {
			j.Fatal(err)
		}
		j.expect("decode", got[0], j.r.feed(q, 10+i, nil))
		j.expect("decode after compaction", got[1], j.r.feed(p, 30-i, nil))
		advance(&other, 1)
		advance(&kv, 1)
	}
}

// dealt hands out a layer's pages just before it runs, as a cascade does.
type dealt struct {
	view   backend.KVView
	pages  []backend.LayerKV
	layers int
	after  func(*Observed)
}

func (d *dealt) Before(layer int) error {
	d.view.Layers[layer].Pages = d.pages[layer].Pages
	return nil
}

func (d *dealt) After(o *Observed) error {
	if o.Layer != d.layers {
		return fmt.Errorf("layer %d came after %d others", o.Layer, d.layers)
	}
	d.layers++
	d.after(o)
	return nil
}

func (j *journey) expect(what string, got []float32, want []float64) {
	j.Helper()
	if len(got) != len(want) {
		j.Fatalf("%s: %d values, %d wanted", what, len(got), len(want))
	}
	for i := range want {
		if d := math.Abs(float64(got[i]) - want[i]); !(d <= closeness*(1+math.Abs(want[i]))) {
			j.Errorf("%s: value %d is %g, the reference has %g", what, i, got[i], want[i])
			return
		}
	}
}

// encode shows pictures to both and compares the rows.
func (j *journey) encode(pictures int) (Visual, [][]float64) {
	var px []image.Pixels
	var rows [][]float64
	for range pictures {
		data := make([]float32, 3*j.r.image*j.r.image)
		for i := range data {
			data[i] = float32(j.random.NormFloat64())
		}
		px = append(px, image.Pixels{C: 3, H: j.r.image, W: j.r.image, Data: data})
		rows = append(rows, j.r.picture(data)...)
	}
	v, err := j.m.EncodeImages(px)
	if err != nil {
		j.Fatal(err)
	}
	if v.Tokens != len(rows) || v.Tokens != pictures*j.m.Config().VisualTokens {
		j.Fatalf("%d visual tokens, the reference has %d", v.Tokens, len(rows))
	}
	for i, want := range rows {
		got := make([]float32, len(want))
		j.m.ops.Read(got, v.rows.Slice(i, i+1))
		j.expect(fmt.Sprintf("visual row %d", i), got, want)
	}
	return v, rows
}

func (j *journey) feed(p *past, tokens []int32, visual [][]float64) (logits []float64) {
	for _, id := range tokens {
		if id == imageToken {
			logits = j.r.feed(p, id, visual[0])
			visual = visual[1:]
		} else {
			logits = j.r.feed(p, id, nil)
		}
	}
	return logits
}

// scores compares what a layer tells: all queries, and some of them.
func (j *journey) scores(o *Observed, p *past, tokens, observe []int32) {
	j.Helper()
	var visual []int32
	for i, id := range tokens {
		if id == imageToken {
			visual = append(visual, int32(i))
		}
	}
	elite := []int{1, 3}
	relevance, err := j.m.TextRelevance(o)
	j.must(err)
	importance, err := j.m.Importance(o, visual, elite, nil, false)
	j.must(err)
	wantText, wantVisual := make([]float64, len(observe)), make([]float64, len(visual))
	for head := range j.r.heads {
		for i, w := range j.weights(p, o.Layer, head, observe[len(observe)-1], observe) {
			wantText[i] += w / float64(j.r.heads)
		}
		for e, index := range elite {
			keys := slices.Clone(visual)
			for _, earlier := range elite[:e+1] {
				keys = append(keys, observe[earlier])
			}
			for i, w := range j.weights(p, o.Layer, head, observe[index], keys)[:len(visual)] {
				wantVisual[i] += w / float64(j.r.heads*len(elite))
			}
		}
	}
	j.expect("text relevance", relevance, wantText)
	j.expect("importance", importance, wantVisual)
	j.columns(o, p, observe[1:3])
	keys, values, err := j.m.Rows(o, visual[:3])
	j.must(err)
	j.expect("keys", keys, slices.Concat(p.keys[o.Layer][visual[0]], p.keys[o.Layer][visual[1]], p.keys[o.Layer][visual[2]]))
	j.expect("values", values, slices.Concat(p.values[o.Layer][visual[0]], p.values[o.Layer][visual[1]], p.values[o.Layer][visual[2]]))
}

func (j *journey) columns(o *Observed, p *past, rows []int32) {
	j.Helper()
	some, err := j.m.Only(o, rows)
	j.must(err)
	got, err := j.m.Columns(some, []float32{1, 2})
	j.must(err)
	density, err := j.m.Density(some, 1e-9)
	j.must(err)
	want := make([]float64, len(p.keys[o.Layer]))
	for i, row := range rows {
		var keys []int32
		for r := range row + 1 {
			keys = append(keys, r)
		}
		for head := range j.r.heads {
			for k, w := range j.weights(p, o.Layer, head, row, keys) {
				want[k] += float64(i+1) * w / float64(j.r.heads)
			}
		}
	}
	j.expect("columns", got, want)
	j.expect("density", density, []float64{1, 1})
}

func (j *journey) must(err error) {
	j.Helper()
	if err != nil {
		j.Fatal(err)
	}
}

// weights is the reference's softmax of one query row and head over some key rows.
func (j *journey) weights(p *past, layer, head int, query int32, rows []int32) []float64 {
	at := head / (j.r.heads / j.r.kv) * j.r.dim
	var keys [][]float64
	for _, row := range rows {
		keys = append(keys, p.keys[layer][row][at:at+j.r.dim])
	}
	return softmaxOver(p.queries[layer][query][head*j.r.dim:][:j.r.dim], keys)
}

// compact keeps another random part of each layer, in fresh pages or in place.
func (j *journey) compact(kv *backend.KVView, p *past) {
	j.Helper()
	fresh := j.pages.view(j.r.layers, kv.Layers[0].Len+8)
	for layer := range kv.Layers {
		var rows []int32
		for row := range kv.Layers[layer].Len {
			if row == 0 || j.random.IntN(layer+2) == 0 {
				rows = append(rows, int32(row))
			}
		}
		dst := fresh.Layers[layer].Pages
		if layer%2 == 1 {
			dst = kv.Layers[layer].Pages
		}
		if err := j.m.Keep(layer, kv.Layers[layer], [][]int32{rows}, dst); err != nil {
			j.Fatal(err)
		}
		kv.Layers[layer] = backend.LayerKV{Pages: dst, Len: len(rows)}
		p.keep(layer, rows)
	}
}
