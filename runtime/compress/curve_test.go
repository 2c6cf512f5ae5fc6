package compress

import (
	"math/rand/v2"
	"testing"
)

func TestRecallAt(t *testing.T) {
	layers := []Ranking{rank(t, 8, 1, 1), rank(t, 4, 3, 3)}
	if got := recallOf(layers, []int{1, 1}, 333); !near(got.Mean, .6) || !near(got.Min, .4) || got.Permille != 333 {
		t.Errorf("got %+v, want mean .6, least .4", got)
	}
	if got := RecallAt(AirCache{Defaults()}, nil, Quota{Permille: 100}); got.Mean != 1 || got.Min != 1 {
		t.Errorf("no layers, nothing lost: %+v", got)
	}
}

func TestTheCurveRisesWithTheRetentionAndEndsAtOne(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	layers := make([]Ranking, 8)
	for l := range layers {
		layers[l] = rank(t, peaked(r, 576)...)
	}
	last := 0.0
	for i, point := range Curve(AirCache{Defaults()}, layers, Quota{Visual: 576, Layers: 8}) {
		if point.Permille != CurvePercents[i]*10 || point.Mean <= last || point.Min > point.Mean || point.Min <= 0 {
			t.Errorf("point %d after %v: %+v", i, last, point)
		}
		last = point.Mean
	}
	if got := RecallAt(AirCache{Defaults()}, layers, Quota{Visual: 576, Layers: 8, Permille: 1000}); !near(got.Mean, 1) || got.Mean > 1 {
		t.Errorf("keeping everything recalls %v", got.Mean)
	}
}

// Strength and skewness are worth their while: on layers that differ, the adaptive budget keeps more of the total importance.
func TestAdaptiveBudgetsKeepMoreImportanceThanUniformOnes(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	layers := []Ranking{}
	for l := range 8 {
		scores := peaked(r, 576)
		for v := range scores {
			scores[v] *= float32(l + 1)
		}
		layers = append(layers, rank(t, scores...))
	}
	kept := func(how LayerBudget) (sum float64) {
		for l, k := range budgets(moments(layers), 576, 100, how) {
			sum += layers[l].Recall(k) * layers[l].Strength
		}
		return sum
	}
	if a, u := kept(Adaptive), kept(Uniform); a <= u {
		t.Errorf("adaptive keeps %v, uniform %v", a, u)
	}
}

// peaked scores look like attention: few rows have most of it.
func peaked(r *rand.Rand, n int) []float32 {
	scores := make([]float32, n)
	for v := range scores {
		x := r.Float32()
		scores[v] = x * x * x * x * x * x
	}
	return scores
}

func moments(layers []Ranking) []Moments {
	m := make([]Moments, len(layers))
	for l, r := range layers {
		m[l] = r.Moments
	}
	return m
}
