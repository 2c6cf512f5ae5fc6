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

// scores is a Scorer over fixed numbers, layer by layer.
type scores struct {
	relevance  []float32
	importance [][]float32
	fail       error
	asked      [][]int
}

// at is one layer of them.
type scoresAt struct {
	*scores
	layer int
}

func (s scoresAt) Relevance() ([]float32, error) { return s.relevance, s.fail }
func (s scoresAt) Importance(elite []int, _ []float32, _ bool) ([]float32, error) {
	s.asked = append(s.asked, elite)
	return s.importance[s.layer], nil
}
func (s scoresAt) Columns([]float32) ([]float32, error) { return nil, errors.New("not asked for") }
func (s scoresAt) Density(float32) ([]float32, error)   { return nil, errors.New("not asked for") }
func (s scoresAt) Rows() (Rows, error)                  { return Rows{}, errors.New("not asked for") }

// decide is the way of a prompt that AirCache decides about.
func decide(p Prompt, permille int, s *scores) (Plan, error) {
	policy := AirCache{Paper()}
	if _, whole := policy.Observes(p); whole != "" {
		return WholePlan(permille, whole), nil
	}
	var rankings []Ranking
	for l := range s.importance {
		r, err := policy.Rank(p, l, scoresAt{s, l})
		if err != nil {
			return Plan{}, err
		}
		rankings = append(rankings, r)
	}
	return Decide(policy, rankings, Quota{Visual: len(p.Visual), Layers: len(rankings), Permille: permille}), nil
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
	plan, err := decide(prompt(), 100, s)
	if err != nil {
		t.Fatal(err)
	}
	for l, elite := range s.asked {
		if !slices.Equal(elite, []int{1, 3}) || plan.Elite[l] != 2 {
			t.Errorf("layer %d was observed by %v", l, elite)
		}
		if want := rank(t, s.importance[l]...).Top(plan.Budgets[l]); !sameSelection(plan.Kept[l], want) {
			t.Errorf("layer %d keeps %v, want %v", l, plan.Kept[l], want)
		}
	}
	if sum := len(plan.Kept[0][0]) + len(plan.Kept[1][0]) + len(plan.Kept[2][0]); sum != 30 {
		t.Errorf("%d rows are kept of 300 at 100 permille", sum)
	}
	if plan.Applied.Permille != 100 || plan.Applied != plan.Curve[slices.Index(CurvePercents[:], 10)] {
		t.Errorf("applied recall %+v is not the curve's at 10 %%: %+v", plan.Applied, plan.Curve)
	}
}

func TestAThousandPermilleScoresButEvictsNothing(t *testing.T) {
	p := prompt()
	plan, err := decide(p, 1000, someScores(2))
	if err != nil || plan.Kept != nil || plan.Whole != "" || !plan.Scored() || !near(plan.Applied.Mean, 1) || !slices.Equal(plan.Budgets, []int{100, 100}) {
		t.Errorf("%v: %+v", err, plan)
	}
	if got, whole := (AirCache{Paper()}).Observes(p); !slices.Equal(got, p.Observe) || whole != "" {
		t.Errorf("observes %v %s", got, whole)
	}
}

func TestWhatKeepsTheWholePrompt(t *testing.T) {
	picture := slices.Repeat([]int32{pic}, 64)
	for _, c := range []struct {
		name   string
		prompt Prompt
		why    string
	}{
		{"text alone", Survey([]int32{1, 2, 3}, pic), "no picture"},
		{"63 visual rows", Survey(append(slices.Clone(picture[1:]), 1, 2), pic), "few visual tokens"},
		{"a picture without text", Survey(picture, pic), "no text"},
	} {
		plan, err := decide(c.prompt, 100, nil)
		if err != nil || plan.Kept != nil || plan.Scored() || !strings.Contains(plan.Whole, c.why) {
			t.Errorf("%s: %v: %+v, want the reason %q", c.name, err, plan, c.why)
		}
	}
	if got := WholePlan(1000, "any"); got.Whole != "" {
		t.Errorf("nothing less was asked for: %+v", got)
	}
}

func TestScoresThatAreNoNumbersAreAnError(t *testing.T) {
	nan, blind := someScores(2), someScores(2)
	nan.importance[1][7] = float32(math.NaN())
	blind.relevance[3] = float32(math.Inf(1))
	for _, s := range []*scores{nan, blind} {
		if plan, err := decide(prompt(), 100, s); !errors.Is(err, ErrScores) {
			t.Errorf("%v: %+v", err, plan)
		}
	}
}

func TestTheScorersErrorsAreTheRequests(t *testing.T) {
	s := someScores(1)
	s.fail = errors.New("device lost")
	if _, err := decide(prompt(), 100, s); !errors.Is(err, s.fail) {
		t.Errorf("got %v", err)
	}
	s = someScores(1)
	s.importance[0] = s.importance[0][:99]
	if _, err := decide(prompt(), 100, s); err == nil || !strings.Contains(err.Error(), "99 scores for 100 rows") {
		t.Errorf("got %v", err)
	}
}

func TestFullAsksNothing(t *testing.T) {
	if rows, whole := (Full{}).Observes(prompt()); rows != nil || whole == "" {
		t.Errorf("%v %q", rows, whole)
	}
}

func TestPermutingTheLayersPermutesThePlan(t *testing.T) {
	s := someScores(5)
	forward, _ := decide(prompt(), 137, s)
	slices.Reverse(s.importance)
	backward, _ := decide(prompt(), 137, s)
	slices.Reverse(backward.Kept)
	for l := range forward.Kept {
		if !sameSelection(forward.Kept[l], backward.Kept[l]) {
			t.Errorf("layer %d keeps %v, or %v in reverse order", l, forward.Kept[l], backward.Kept[l])
		}
	}
}

func TestScalingAllScoresChangesNoPlan(t *testing.T) {
	s := someScores(4)
	want, _ := decide(prompt(), 90, s)
	for _, layer := range s.importance {
		for v := range layer {
			layer[v] /= 4096
		}
	}
	got, _ := decide(prompt(), 90, s)
	for l := range want.Kept {
		if !sameSelection(got.Kept[l], want.Kept[l]) {
			t.Errorf("layer %d keeps %v, want %v", l, got.Kept[l], want.Kept[l])
		}
	}
}
