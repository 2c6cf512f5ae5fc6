package compress

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The worked examples of the comments, and their neighbours.
func TestReceived(t *testing.T) {
	observed := []int32{1, 2, 3}
	close32(t, "the mean of fewer and fewer rows", received([]float32{9, .6, .4, .2}, observed, span(0, 3)), 1./3, 1./3, 1./3)
	close32(t, "a window of two", received([]float32{9, .6, .4, .2}, observed, []int{0, 2}), .5, .5)
	close32(t, "a word that later text reads", received([]float32{9, .9, .2, .1}, observed, span(0, 3)), .6, .2, .2)
	close32(t, "nobody reads any: all the same", received([]float32{9, 0, 0, 0}, observed, []int{1, 2}), .5, .5)
}

func TestScaleByValue(t *testing.T) {
	scaled := func(rows Rows, h, n int, scores ...float32) []float32 {
		scaleByValue(scores, rows, h, n)
		return scores
	}
	one := Rows{Heads: 1, Dim: 2, Values: []float32{3, 4, 0, 15}}
	close32(t, "the example", scaled(one, 0, 1, .5, .5), .25, .75)
	two := Rows{Heads: 2, Dim: 1, Values: []float32{3, 4, 0, 15}}
	close32(t, "two heads' values are one length", scaled(two, 0, 1, .5, .5), .25, .75)
	close32(t, "the first head's own", scaled(two, 0, 2, .5, .5), 1, 0)
	close32(t, "the second head's own", scaled(two, 1, 2, .5, .5), 4/9.5*.5, 15/9.5*.5)
	close32(t, "no values: nothing changes", scaled(Rows{Heads: 1, Dim: 1, Values: []float32{0, 0}}, 0, 1, .4, .6), .4, .6)
}

func TestShareWithNeighbours(t *testing.T) {
	rows := []int32{5, 6, 7, 8}
	close32(t, "reach 1", shareWithNeighbours([]float32{8, 0, 0, 4}, rows, 1), 8, 4, 2, 4)
	close32(t, "reach 2", shareWithNeighbours([]float32{9, 0, 0, 0}, rows, 2), 9, 6, 3, 0)
	close32(t, "reach beyond the picture", shareWithNeighbours([]float32{9, 0, 0, 0}, rows, 8), 9, 8, 7, 6)
	close32(t, "a row of text in between", shareWithNeighbours([]float32{8, 0, 0, 4}, []int32{5, 6, 8, 9}, 1), 8, 4, 2, 4)
	close32(t, "two pictures", shareWithNeighbours([]float32{0, 8, 8, 0}, []int32{5, 6, 16, 17}, 1), 4, 8, 8, 4)
	scores := []float32{1, 2}
	if got := shareWithNeighbours(scores, rows[:2], 0); &got[0] != &scores[0] {
		t.Error("no reach, no copy")
	}
}

// Neighbours change who stays, not what a layer weighs or what its recall is of.
func TestPoolOrdersOnly(t *testing.T) {
	r := rand.New(rand.NewPCG(51, 52))
	p, layers := randomCase(r, 3)
	alone, pooled := Defaults(), Defaults()
	alone.Pool, pooled.Pool = 0, 3
	a, whole, err := rankAll(AirCache{alone}, p, layers)
	b, _, err2 := rankAll(AirCache{pooled}, p, layers)
	if err != nil || err2 != nil || whole != "" {
		t.Fatal(err, err2, whole)
	}
	reordered := false
	for l := range a {
		reordered = reordered || !slices.Equal(a[l].orders[0], b[l].orders[0])
		if !near(a[l].Strength, b[l].Strength) || !near(a[l].Skewness, b[l].Skewness) {
			t.Errorf("layer %d weighs %+v alone and %+v pooled", l, a[l].Moments, b[l].Moments)
		}
		for k := range a[l].Len() + 1 {
			if b[l].Recall(k) > a[l].Recall(k)+1e-9 {
				t.Errorf("layer %d: %d pooled rows carry %v, more than the best: %v", l, k, b[l].Recall(k), a[l].Recall(k))
			}
		}
	}
	if !reordered {
		t.Error("the pool changed no order")
	}
}

// A window of one row is asked for no weights: it counts 1.
func TestOneRowNeedsNoWeights(t *testing.T) {
	s := someScores(2)
	o := Defaults()
	o.Alpha, o.ValueNorm = 1, false
	if _, err := (AirCache{o}).Rank(prompt(), 0, scoresAt{s, 0}); err != nil {
		t.Error(err)
	}
	o.EliteMin = 2
	if _, err := (AirCache{o}).Rank(prompt(), 0, scoresAt{s, 0}); err == nil || !strings.Contains(err.Error(), "weighing the observation window") {
		t.Errorf("got %v", err)
	}
	o.RowWeight, o.ValueNorm = Equal, true
	if _, err := (AirCache{o}).Rank(prompt(), 0, scoresAt{s, 0}); err == nil || !strings.Contains(err.Error(), "reading the values") {
		t.Errorf("got %v", err)
	}
}
