package compress

import (
	"math"
	"slices"
	"testing"
)

func rank(t testing.TB, scores ...float32) Ranking {
	t.Helper()
	r, err := Rank(scores)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-6*math.Max(1, math.Abs(b)) }

func TestTopTakesTheLowerPositionOnATie(t *testing.T) {
	r := rank(t, .1, .4, .2, .4, .2)
	for k, want := range [][]int32{{}, {1}, {1, 3}, {1, 2, 3}, {1, 2, 3, 4}, {0, 1, 2, 3, 4}, {0, 1, 2, 3, 4}} {
		if got := r.Top(k)[0]; !slices.Equal(got, want) {
			t.Errorf("top %d: %v, want %v", k, got, want)
		}
	}
	if r.Top(-1)[0] == nil || len(r.Top(-1)[0]) != 0 {
		t.Error("fewer than none is none")
	}
}

func TestRecallOfARanking(t *testing.T) {
	r := rank(t, .1, .4, .2, .4)
	for k, want := range []float64{0, .4 / 1.1, .8 / 1.1, 1 / 1.1, 1, 1} {
		if got := r.Recall(k); !near(got, want) {
			t.Errorf("recall of %d: %v, want %v", k, got, want)
		}
	}
	if got := rank(t, 0, 0, 0).Recall(1); got != 1 {
		t.Errorf("nothing to lose, recall %v", got)
	}
}

func TestSkewness(t *testing.T) {
	for _, c := range []struct {
		name   string
		scores []float32
		want   float64
	}{
		{"one of four: sqrt 4", []float32{0, 0, 0, 1}, 2},
		{"symmetric", []float32{1, 2, 3}, 0},
		{"a long left tail is negative and counts as none", []float32{1, 1, 1, 0}, 0},
		{"all equal", slices.Repeat([]float32{.1}, 577), 0},
		{"two rows have no skewness", []float32{0, 1}, 0},
		{"1 2 3 10 by hand", []float32{1, 2, 3, 10}, 1.7636325},
	} {
		if got := rank(t, c.scores...).Skewness; !near(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestAOneHotLayerHasTheSkewnessSqrtN(t *testing.T) {
	for _, n := range []int{3, 4, 64, 576, 8192} {
		for _, at := range []int{0, n / 2, n - 1} {
			scores := make([]float32, n)
			scores[at] = .37
			if got := rank(t, scores...).Skewness; !near(got, math.Sqrt(float64(n))) {
				t.Errorf("%d rows, hot at %d: %v, want %v", n, at, got, math.Sqrt(float64(n)))
			}
		}
	}
}

func TestEachHeadKeepsItsOwn(t *testing.T) {
	r, err := RankHeads([][]float32{{.9, 0, .1}, {0, .5, .4}})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Top(2); !sameSelection(got, Selection{{0, 2}, {1, 2}}) || !slices.Equal(got.Any(), []int32{0, 1, 2}) {
		t.Errorf("the heads keep %v", got)
	}
	together := rank(t, .45, .25, .25)
	if !near(r.Strength, together.Strength) || !near(r.Skewness, together.Skewness) || !near(r.Recall(1), 1.4/1.9) {
		t.Errorf("moments %v and recall %v, want %v and %v", r.Moments, r.Recall(1), together.Moments, 1.4/1.9)
	}
	if _, err := RankHeads([][]float32{{1}, {float32(math.NaN())}}); err == nil {
		t.Error("a head of NaN was ranked")
	}
}
