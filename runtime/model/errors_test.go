package model

import (
	"errors"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/sampling"
)

// TestBadInputIsAnErrorAndTheModelLivesOn: every case fails by name, and a good prompt afterwards gives the same logits as
// before.
func TestBadInputIsAnErrorAndTheModelLivesOn(t *testing.T) {
	dir, _ := small.write(t)
	m := open(t, dir)
	pages := &dealer{}
	kv := pages.view(3, 32)
	good := []int32{1, 2, 3}
	seen := &stubborn{at: -1}
	before, err := m.Prefill(good, Visual{}, kv, []int32{1, 2}, seen)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range badInputs(m, kv, seen.last) {
		if err := c.run(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, the error should say %q", name, err, c.want)
		}
	}
	after, err := m.Prefill(good, Visual{}, kv, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range before {
		if before[i] != after[i] {
			t.Fatalf("logit %d was %g and is %g", i, before[i], after[i])
		}
	}
}

// stubborn keeps what it was shown, and refuses a layer.
type stubborn struct {
	at   int
	last *Observed
}

func (s *stubborn) Before(layer int) error {
	if layer == s.at {
		return errors.New("no room in layer 1")
	}
	return nil
}

func (s *stubborn) After(o *Observed) error {
	if s.last = o; o.Layer+10 == s.at {
		return errors.New("no order in layer 2")
	}
	return nil
}

type badInput struct {
	run  func() error
	want string
}

func badInputs(m *LLaVA, kv backend.KVView, obs *Observed) map[string]badInput {
	prefill := func(tokens []int32, kv backend.KVView, observe []int32) func() error {
		return func() error { _, err := m.Prefill(tokens, Visual{}, kv, observe, &stubborn{at: -1}); return err }
	}
	decode := func(token int32, kv backend.KVView) func() error {
		return func() error { _, err := m.Decode([]DecodeRow{{Token: token, KV: kv}}); return err }
	}
	encode := func(px image.Pixels) func() error {
		return func() error { _, err := m.EncodeImages([]image.Pixels{px}); return err }
	}
	watched := func(at int) func() error {
		return func() error { _, err := m.Prefill([]int32{1}, Visual{}, kv, nil, &stubborn{at: at}); return err }
	}
	importance := func(visual []int32, elite []int) func() error {
		return func() error { _, err := m.Importance(obs, visual, elite, nil, false); return err }
	}
	keep := func(layer int, rows []int32, dst []int32) func() error {
		return func() error { return m.Keep(layer, obs.kv, [][]int32{rows}, dst) }
	}
	late := backend.KVView{Position: 499, Layers: kv.Layers}
	foreign := backend.KVView{Layers: []backend.LayerKV{{Pages: []int32{200}}, {Pages: []int32{200}}, {Pages: []int32{200}}}}
	return map[string]badInput{
		"no token":                   {prefill(nil, kv, nil), "there is no token"},
		"a token above the words":    {prefill([]int32{1, 50}, kv, nil), "token 50 (number 1) is outside 0..49"},
		"a negative token":           {prefill([]int32{-1}, kv, nil), "token -1"},
		"an image without pictures":  {prefill([]int32{imageToken}, kv, nil), "the prompt has 1 image tokens, the pictures give 0"},
		"too long a prompt":          {prefill([]int32{1, 2}, late, nil), "positions 499..500 are outside of the model's 500"},
		"too few layers":             {prefill([]int32{1}, backend.KVView{Layers: kv.Layers[:2]}, nil), "the cache has 2 layers, the model 3"},
		"too few pages":              {prefill(make([]int32, 33), kv, nil), "need 3 pages, 2 given"},
		"a page outside of the pool": {prefill([]int32{1}, foreign, nil), "page 200 (number 0) is outside 0..199"},
		"observing outside":          {prefill([]int32{1}, kv, []int32{1}), "observed token 1 (number 0)"},
		"observing out of order":     {prefill([]int32{1, 2}, kv, []int32{1, 0}), "observed token 0 (number 1) does not rise above 1"},
		"a watcher without pages":    {watched(1), "no room in layer 1"},
		"a watcher that refuses":     {watched(12), "no order in layer 2"},
		"decoding a wrong token":     {decode(50, kv), "sequence 0: token 50"},
		"decoding past the end":      {decode(1, backend.KVView{Position: 500, Layers: kv.Layers}), "position 500"},
		"decoding with few layers":   {decode(1, backend.KVView{}), "the cache has 0 layers"},
		"decoding without pages":     {decode(1, backend.KVView{Layers: make([]backend.LayerKV, 3)}), "need 1 pages, 0 given"},
		"a picture of another size":  {encode(image.Pixels{C: 3, H: 9, W: 10}), "picture 0: the picture is 3 x 9 x 10"},
		"a picture without values":   {encode(image.Pixels{C: 3, H: 10, W: 10}), "has 0 values, 300 wanted"},
		"importance of no elite":     {importance([]int32{0}, nil), "0 elite rows"},
		"importance of no picture":   {importance(nil, []int{0}), "0 visual rows"},
		"elites that fall":           {importance([]int32{0}, []int{1, 0}), "elite index 0"},
		"visual rows outside":        {importance([]int32{3}, []int{1}), "visual row 3 (number 0) is outside 0..2"},
		"queries that were not seen": {func() error { _, err := m.Only(obs, []int32{0, 1}); return err }, "row 0 was not observed"},
		"columns of few weights":     {func() error { _, err := m.Columns(obs, []float32{1}); return err }, "the result has 1 values, 2 wanted"},
		"a density over everything":  {func() error { _, err := m.Density(obs, 2); return err }, "layer 2"},
		"reading rows outside":       {func() error { _, _, err := m.Rows(obs, []int32{3}); return err }, "row 3"},
		"keeping rows that fall":     {keep(0, []int32{1, 1}, []int32{0}), "row 1 (number 1) does not rise above 1"},
		"keeping without pages":      {keep(0, []int32{1}, nil), "1 rows need 1 pages, 0 given"},
		"keeping in no layer":        {keep(3, []int32{1}, nil), "layer 3 is outside 0..2"},
		"reserving nothing":          {func() error { return m.Reserve(Capacity{}) }, "0 pages"},
		"reserving too much":         {func() error { return m.Reserve(Capacity{Pages: 1 << 40, Sequences: 1, Rows: 1}) }, "bytes"},
	}
}

// A step of a batch that is fed by the device's own choices, and the reading of its logits.
func TestSteadyDecodeStepAllocatesNothing(t *testing.T) {
	dir, _ := small.write(t)
	m := open(t, dir)
	pages, batch := &dealer{}, make([]Row, 3)
	for i := range batch {
		kv := pages.view(3, 20)
		advance(&kv, 2+7*i)
		batch[i] = Row{Token: backend.Slot(int32(i)), Slot: int32(i), Draw: sampling.Draw{Temperature: float64(i)}, KV: kv}
	}
	allocations := testing.AllocsPerRun(50, func() {
		step, err := m.Launch(batch)
		if err != nil {
			t.Fatal(err)
		}
		if choices, err := m.Take(step); err != nil || len(choices) != 3 {
			t.Fatal(choices, err)
		}
		if _, err := m.Logits(step); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Logits(step, 0, 2); err != nil {
			t.Fatal(err)
		}
	})
	if allocations != 0 {
		t.Errorf("a decode step allocates %g times", allocations)
	}
}
