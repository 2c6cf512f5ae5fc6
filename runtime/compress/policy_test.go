package compress

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// prompt has 100 visual rows from row 3 and ten rows of text behind them.
func prompt() Prompt {
	tokens := append([]int32{1, 1, 1}, slices.Repeat([]int32{pic}, 100)...)
	return Survey(append(tokens, slices.Repeat([]int32{1}, 10)...), pic)
}

// scores is a Scorer over fixed numbers.
type scores struct {
	relevance  []float32
	importance [][]float32
	fail       error
	asked      [][]int
}

func (s *scores) Relevance(int) ([]float32, error) { return s.relevance, s.fail }
func (s *scores) Importance(layer int, elite []int) ([]float32, error) {
	s.asked = append(s.asked, elite)
	return s.importance[layer], nil
}

func someScores(layers int) *scores {
	r := rand.New(rand.NewPCG(9, 10))
	s := &scores{relevance: []float32{.01, .3, .01, .28, .01, .01, .01, .01, .01, .2}}
	for range layers {
		s.importance = append(s.importance, peaked(r, 100))
	}
	return s
}

func TestAirCacheKeepsTheTopOfEachLayer(t *testing.T) {
	s := someScores(3)
	plan, err := AirCache{Defaults()}.Decide(prompt(), 3, 100, s)
	if err != nil {
		t.Fatal(err)
	}
	for l, elite := range s.asked {
		if !slices.Equal(elite, []int{1, 3}) || plan.Elite[l] != 2 {
			t.Errorf("layer %d was observed by %v", l, elite)
		}
		if want := rank(t, s.importance[l]...).Top(plan.Budgets[l]); !slices.Equal(plan.Kept[l], want) {
			t.Errorf("layer %d keeps %v, want %v", l, plan.Kept[l], want)
		}
	}
	if sum := len(plan.Kept[0]) + len(plan.Kept[1]) + len(plan.Kept[2]); sum != 30 {
		t.Errorf("%d rows are kept of 300 at 100 permille", sum)
	}
	if plan.Applied.Permille != 100 || plan.Applied != plan.Curve[slices.Index(CurvePercents[:], 10)] {
		t.Errorf("applied recall %+v is not the curve's at 10 %%: %+v", plan.Applied, plan.Curve)
	}
}

func TestAThousandPermilleScoresButEvictsNothing(t *testing.T) {
	p := prompt()
	plan, err := AirCache{Defaults()}.Decide(p, 2, 1000, someScores(2))
	if err != nil || plan.Kept != nil || plan.Whole != "" || !plan.Scored() || !near(plan.Applied.Mean, 1) || !slices.Equal(plan.Budgets, []int{100, 100}) {
		t.Errorf("%v: %+v", err, plan)
	}
	if got := (AirCache{Defaults()}).Observes(p); !slices.Equal(got, p.Observe) {
		t.Errorf("observes %v", got)
	}
}

func TestWhatKeepsTheWholePrompt(t *testing.T) {
	picture := slices.Repeat([]int32{pic}, 64)
	nan := someScores(2)
	nan.importance[1][7] = float32(math.NaN())
	blind := someScores(2)
	blind.relevance[3] = float32(math.Inf(1))
	for _, c := range []struct {
		name   string
		prompt Prompt
		scores *scores
		why    string
	}{
		{"text alone", Survey([]int32{1, 2, 3}, pic), nil, "no picture"},
		{"63 visual rows", Survey(append(slices.Clone(picture[1:]), 1, 2), pic), nil, "few visual tokens"},
		{"a picture without text", Survey(picture, pic), nil, "no text"},
		{"importance that is NaN", prompt(), nan, "visual rows of layer 1"},
		{"relevance that is infinite", prompt(), blind, "elite window of layer 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			policy := AirCache{Defaults()}
			plan, err := policy.Decide(c.prompt, 2, 100, c.scores)
			if err != nil || plan.Kept != nil || plan.Scored() || !strings.Contains(plan.Whole, c.why) {
				t.Errorf("%v: %+v, want the reason %q", err, plan, c.why)
			}
			if c.scores == nil && policy.Observes(c.prompt) != nil {
				t.Error("queries are saved that nobody will use")
			}
		})
	}
}

func TestTheScorersErrorsAreTheRequests(t *testing.T) {
	s := someScores(1)
	s.fail = errors.New("device lost")
	if _, err := (AirCache{Defaults()}).Decide(prompt(), 1, 100, s); !errors.Is(err, s.fail) {
		t.Errorf("got %v", err)
	}
	s = someScores(1)
	s.importance[0] = s.importance[0][:99]
	if _, err := (AirCache{Defaults()}).Decide(prompt(), 1, 100, s); err == nil || !strings.Contains(err.Error(), "99 scores for 100 rows") {
		t.Errorf("got %v", err)
	}
}

func TestFullAsksNothing(t *testing.T) {
	plan, err := Full{}.Decide(prompt(), 2, 100, nil)
	if err != nil || plan.Kept != nil || plan.Scored() || (Full{}).Observes(prompt()) != nil {
		t.Errorf("%v: %+v", err, plan)
	}
}

func TestPermutingTheLayersPermutesThePlan(t *testing.T) {
	s := someScores(5)
	forward, _ := AirCache{Defaults()}.Decide(prompt(), 5, 137, s)
	slices.Reverse(s.importance)
	backward, _ := AirCache{Defaults()}.Decide(prompt(), 5, 137, s)
	slices.Reverse(backward.Kept)
	for l := range forward.Kept {
		if !slices.Equal(forward.Kept[l], backward.Kept[l]) {
			t.Errorf("layer %d keeps %v, or %v in reverse order", l, forward.Kept[l], backward.Kept[l])
		}
	}
}

func TestScalingAllScoresChangesNoPlan(t *testing.T) {
	s := someScores(4)
	want, _ := AirCache{Defaults()}.Decide(prompt(), 4, 90, s)
	for _, layer := range s.importance {
		for v := range layer {
			layer[v] /= 4096
		}
	}
	got, _ := AirCache{Defaults()}.Decide(prompt(), 4, 90, s)
	for l := range want.Kept {
		if !slices.Equal(got.Kept[l], want.Kept[l]) {
			t.Errorf("layer %d keeps %v, want %v", l, got.Kept[l], want.Kept[l])
		}
	}
}
