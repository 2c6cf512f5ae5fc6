package engine_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"aircache.dev/aircache/runtime/backend/cpu"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/engine"
	"aircache.dev/aircache/runtime/kv"
	"aircache.dev/aircache/runtime/model"
)

func study(t *testing.T, kvBytes int64) *engine.Study {
	t.Helper()
	device, err := cpu.New(cpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := device.Close(); err != nil {
			t.Error(err)
		}
	})
	llava, err := model.Load(tinyModel, device)
	if err != nil {
		t.Fatal(err)
	}
	s, err := engine.NewStudy(llava, kvBytes, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t *testing.T, s *engine.Study, r engine.Request, need ...compress.Policy) *engine.Case {
	t.Helper()
	c, err := s.Prompt(context.Background(), r.Tokens, r.Images, r.MaxTokens, need...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// Every setting of a study answers as an engine that serves with it, and keeps the same bytes; also where each KV head keeps
// rows of its own.
func TestAStudyAnswersAsTheEngineServes(t *testing.T) {
	byHead := compress.Defaults()
	byHead.Granularity = compress.ByKVHead
	s, p := study(t, 64<<20), processor(t)
	for n, setting := range []engine.Setting{
		{Policy: airCache, Permille: 1000}, {Policy: airCache, Permille: 20}, {Policy: compress.AirCache{Options: byHead}, Permille: 50},
		{Policy: compress.H2O{}, Permille: 50}, {Policy: compress.TGV{}, Permille: 20}, {Policy: compress.FlashCache{}, Permille: 100},
	} {
		request := someQuestions(t)[n].request(t, p)
		c := open(t, s, request, setting.Policy)
		o, err := c.Run(setting.Policy, setting.Permille)
		if err != nil {
			t.Fatal(err)
		}
		want := listen(t, ask(t, start(t, setting.Policy, int32(setting.Permille), 64<<20), request))
		if !slices.Equal(o.Tokens, want.tokens) || o.KVBytesKept != want.usage.KVBytesKept || o.KVBytesFull != want.usage.KVBytesFull || o.Recall != want.usage.Recall {
			t.Errorf("%s at %d permille: %v, %d of %d bytes, recall %v; served %v %+v", setting.Policy.Name(), setting.Permille,
				o.Tokens, o.KVBytesKept, o.KVBytesFull, o.Recall, want.tokens, want.usage)
		}
		if sum := floats(o.LayerRecall); math.Abs(sum/8-o.Recall) > 1e-9 {
			t.Errorf("%s at %d permille: recall %v of the layers %v", setting.Policy.Name(), setting.Permille, o.Recall, o.LayerRecall)
		}
		if _, err := c.Run(compress.KeyDiff{}, 100); err == nil {
			t.Error("a policy that was not named was run")
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func floats(values []float64) (sum float64) {
	for _, v := range values {
		sum += v
	}
	return sum
}

func TestAStudyMeasuresTheDistanceFromTheFullCache(t *testing.T) {
	s, p := study(t, 128<<20), processor(t)
	lower := 0
	for n, q := range someQuestions(t) {
		c := open(t, s, q.request(t, p), airCache)
		whole, err := c.Run(airCache, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if whole.Agreement != 1 || whole.FirstDisagreement != -1 || whole.KL > 1e-6 || !slices.Equal(whole.Tokens, c.Answer()) {
			t.Errorf("question %d: with everything kept %+v, the full cache answers %v", n, whole, c.Answer())
		}
		tight, err := c.Run(airCache, 1)
		if err != nil {
			t.Fatal(err)
		}
		at := tight.FirstDisagreement
		if same := slices.Equal(tight.Tokens, c.Answer()); same != (at < 0) || at == 0 || tight.KL <= 0 {
			t.Errorf("question %d: a row a layer gives %+v, the full cache answers %v", n, tight, c.Answer())
		}
		if at > 0 {
			lower++
			if !slices.Equal(tight.Tokens[:min(at, len(tight.Tokens))], c.Answer()[:min(at, len(tight.Tokens))]) || tight.Agreement == 1 {
				t.Errorf("question %d: %v and %v differ first at %d, agreement %v", n, tight.Tokens, c.Answer(), at, tight.Agreement)
			}
		}
	}
	if lower == 0 {
		t.Error("a row a layer changes no answer: this compares nothing")
	}
}

// A pool that holds two copies takes the settings two by two; one that holds none says so, and nothing is left behind.
func TestAStudyInASmallPool(t *testing.T) {
	request := someQuestions(t)[0].request(t, processor(t))
	settings := slices.Repeat([]engine.Setting{{Policy: airCache, Permille: 1000}, {Policy: airCache, Permille: 50}}, 3)
	roomy := open(t, study(t, 128<<20), request, airCache)
	want, err := roomy.RunAll(settings...)
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, study(t, 12<<20), request, airCache)
	got, err := c.RunAll(settings...)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if !slices.Equal(got[i].Tokens, want[i].Tokens) || math.Abs(got[i].KL-want[i].KL) > 1e-5 {
			t.Errorf("setting %d: %v %v, with more memory %v %v", i, got[i].Tokens, got[i].KL, want[i].Tokens, want[i].KL)
		}
	}
	tight := open(t, study(t, 8<<20), request, airCache)
	for range 3 {
		if _, err := tight.Run(airCache, 1000); !errors.Is(err, kv.ErrNoPages) {
			t.Errorf("a copy that does not fit: %v", err)
		}
		if _, err := tight.Run(airCache, 50); err != nil {
			t.Errorf("a small copy after it: %v", err)
		}
	}
}
