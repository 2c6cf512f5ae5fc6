package sampling

import (
	"errors"
	"math"
	"slices"
	"testing"
)

func seed(v int64) *int64 { return &v }

func sampler(t testing.TB, p Params) *Sampler {
	t.Helper()
	s, err := New(p, 1)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func next(t testing.TB, s *Sampler, logits []float32) Choice {
	t.Helper()
	c, err := s.Next(logits)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// logOf turns probabilities into logits.
func logOf(probabilities ...float64) []float32 {
	logits := make([]float32, len(probabilities))
	for i, p := range probabilities {
		logits[i] = float32(math.Log(p))
	}
	return logits
}

// shares draws many times and returns how often each token came.
func shares(t *testing.T, p Params, logits []float32) []float64 {
	t.Helper()
	const draws = 40_000
	s := sampler(t, p)
	out := make([]float64, len(logits))
	for range draws {
		out[next(t, s, logits).Token] += 1.0 / draws
	}
	return out
}

func TestGreedyTakesTheLargestAndTheLowerIdOnATie(t *testing.T) {
	if got := next(t, sampler(t, Params{}), []float32{1, 3, 2, 3}).Token; got != 1 {
		t.Errorf("chose %d, want 1", got)
	}
}

func TestLogProbIsTheModelsOwn(t *testing.T) {
	c := next(t, sampler(t, Params{Temperature: .01, PresencePenalty: 2, TopLogProbs: 2}), []float32{-1, 0, 1})
	if want := 1 - 1.40760596; c.Token != 2 || math.Abs(float64(c.LogProb)-want) > 1e-6 {
		t.Errorf("token %d with log-probability %v, want 2 with %v", c.Token, c.LogProb, want)
	}
	if len(c.Top) != 2 || c.Top[0] != (Alternative{2, c.LogProb}) || c.Top[1].Token != 1 {
		t.Errorf("top two: %v", c.Top)
	}
}

func TestDistributions(t *testing.T) {
	logits := logOf(.2, .5, .3)
	for _, c := range []struct {
		name   string
		params Params
		want   []float64
	}{
		{"temperature 1 draws the model's own probabilities", Params{Temperature: 1}, []float64{.2, .5, .3}},
		{"temperature 0.5 squares them", Params{Temperature: .5}, []float64{.04 / .38, .25 / .38, .09 / .38}},
		{"top-k 2 keeps the likeliest two", Params{Temperature: 1, TopK: 2}, []float64{0, .625, .375}},
		{"a top-k over the vocabulary keeps all", Params{Temperature: 1, TopK: 9}, []float64{.2, .5, .3}},
		{"top-p 0.79 needs two tokens", Params{Temperature: 1, TopP: .79}, []float64{0, .625, .375}},
		{"top-p 0.01 keeps the best alone", Params{Temperature: 1, TopP: .01}, []float64{0, 1, 0}},
		{"top-p is a share of what top-k left", Params{Temperature: 1, TopK: 2, TopP: .6}, []float64{0, 1, 0}},
		{"top-p 1 keeps all", Params{Temperature: 1, TopP: 1}, []float64{.2, .5, .3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, got := range shares(t, c.params, logits) {
				if math.Abs(got-c.want[i]) > .012 || c.want[i] == 0 && got != 0 {
					t.Errorf("token %d came with share %.4f, want %.4f", i, got, c.want[i])
				}
			}
		})
	}
}

func TestTheSeedDecides(t *testing.T) {
	logits := logOf(.25, .25, .25, .25)
	run := func(p Params, fallback uint64) (tokens []int32) {
		s, _ := New(p, fallback)
		for range 40 {
			tokens = append(tokens, next(t, s, logits).Token)
		}
		return tokens
	}
	a := run(Params{Temperature: 1, Seed: seed(7)}, 1)
	if !slices.Equal(a, run(Params{Temperature: 1, Seed: seed(7)}, 2)) {
		t.Error("the same seed gave two answers")
	}
	if slices.Equal(a, run(Params{Temperature: 1, Seed: seed(-7)}, 1)) {
		t.Error("two seeds gave the same 40 tokens")
	}
	if slices.Equal(run(Params{Temperature: 1}, 1), run(Params{Temperature: 1}, 2)) {
		t.Error("without a seed the fallback should decide")
	}
}

func TestPenaltiesMakeTheAnswerMoveOn(t *testing.T) {
	for _, c := range []struct {
		name   string
		params Params
		want   []int32
	}{
		{"none repeats", Params{}, []int32{0, 0, 0, 0}},
		{"presence counts once", Params{PresencePenalty: 1.5}, []int32{0, 1, 0, 0}},
		{"frequency counts each time", Params{FrequencyPenalty: .75}, []int32{0, 0, 1, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sampler(t, c.params)
			var got []int32
			for range 4 {
				got = append(got, next(t, s, []float32{2, 1, -9}).Token)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestLogitsThatNoSoftmaxCanUse(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, logits := range map[string][]float32{"NaN": {0, nan}, "+Inf": {inf, 0}, "all -Inf": {-inf, -inf}, "none": {}} {
		if c, err := sampler(t, Params{}).Next(logits); err == nil {
			t.Errorf("%s: chose %v instead of an error", name, c)
		}
	}
	if c := next(t, sampler(t, Params{Temperature: 1}), []float32{-inf, 0}); c.Token != 1 || c.LogProb != 0 {
		t.Errorf("a forbidden token was counted: %v", c)
	}
}

func TestValidateNamesTheParameter(t *testing.T) {
	for param, p := range map[string]Params{
		"temperature":       {Temperature: math.NaN()},
		"top_k":             {TopK: -1},
		"top_p":             {TopP: 1.01},
		"presence_penalty":  {PresencePenalty: -2.5},
		"frequency_penalty": {FrequencyPenalty: math.Inf(1)},
		"top_logprobs":      {TopLogProbs: 21},
	} {
		var refusal *ParamError
		if _, err := New(p, 0); !errors.As(err, &refusal) || refusal.Param != param {
			t.Errorf("%+v: got %v, want a refusal of %s", p, err, param)
		}
	}
}

// Whatever the logits and the parameters, the answer is a possible token or an error, and never one that top-k excludes.
func FuzzNext(f *testing.F) {
	f.Add(int64(1), 1.0, 2, .5, []byte{1, 200, 3, 9})
	f.Add(int64(2), 0.0, 0, 0.0, []byte{0, 0})
	f.Add(int64(3), 2.0, 0, .9, []byte{255, 0, 255})
	f.Fuzz(func(t *testing.T, s int64, temperature float64, k int, p float64, raw []byte) {
		params := Params{Temperature: temperature, TopK: k, TopP: p, Seed: &s, TopLogProbs: 3, FrequencyPenalty: .1}
		made, err := New(params, 0)
		if err != nil || len(raw) == 0 {
			return
		}
		logits := make([]float32, len(raw))
		for i, b := range raw {
			if logits[i] = float32(b) - 100; b == 255 {
				logits[i] = float32(math.Inf(-1))
			}
		}
		c, err := made.Next(logits)
		if err != nil {
			if !errors.Is(err, ErrNoToken) {
				t.Fatal(err)
			}
			return
		}
		better := 0
		for _, v := range logits {
			if v > logits[c.Token] {
				better++
			}
		}
		if math.IsInf(float64(logits[c.Token]), -1) || c.LogProb > 1e-6 || k > 0 && better >= k {
			t.Errorf("%+v over %v chose %+v", params, logits, c)
		}
	})
}

func TestASteadyStepAllocatesNothing(t *testing.T) {
	logits := make([]float32, 1024)
	s := sampler(t, Params{Temperature: 1})
	if n := testing.AllocsPerRun(100, func() { _, _ = s.Next(logits) }); n != 0 {
		t.Errorf("%v allocations a token", n)
	}
}
