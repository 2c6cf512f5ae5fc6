package compress

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// ErrScores says that scores are no attention sums: NaN, infinite or negative.
var ErrScores = errors.New("scores must be finite and not negative")

// Moments are what a layer's budget depends on.
type Moments struct{ Strength, Skewness float64 }

// Ranking is one layer's visual rows, best first.
type Ranking struct {
	Moments
	order  []int32
	prefix []float64 // prefix[k] is the sum of the k best scores
}

// Rank sorts a layer's scores; of equal ones the lower position comes first.
func Rank(scores []float32) (Ranking, error) {
	if err := checkScores(scores); err != nil {
		return Ranking{}, err
	}
	r := Ranking{order: make([]int32, len(scores)), prefix: make([]float64, len(scores)+1)}
	for v := range r.order {
		r.order[v] = int32(v)
	}
	slices.SortFunc(r.order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(scores[b], scores[a]), cmp.Compare(a, b))
	})
	for k, v := range r.order {
		r.prefix[k+1] = r.prefix[k] + float64(scores[v])
	}
	r.Moments = Moments{Strength: r.prefix[len(scores)], Skewness: max(0, skewness(scores))}
	return r, nil
}

// Len is the number of ranked rows.
func (r Ranking) Len() int { return len(r.order) }

// Top is the k best rows in ascending order; they are kept in the order of the picture.
//
//	scores .1 .4 .2 .4, k = 3   ->  1 2 3
func (r Ranking) Top(k int) []int32 {
	top := slices.Clone(r.order[:min(max(k, 0), len(r.order))])
	slices.Sort(top)
	return top
}

// Recall is the share of the importance that the k best rows carry; all of it where there is none.
//
//	scores .1 .4 .2 .4, k = 3   ->  1.0/1.1 = .909
func (r Ranking) Recall(k int) float64 {
	if r.Strength == 0 {
		return 1
	}
	return r.prefix[min(max(k, 0), len(r.order))] / r.Strength
}

// skewness is the adjusted Fisher-Pearson coefficient, N/((N-1)(N-2)) * sum ((x-mu)/sd)^3 with sd over N-1.
//
//	0 0 0 1   ->  mu 1/4, sd 1/2: 4/(3*2) * (3*(-1/2)^3 + (3/2)^3) = 2 = sqrt(4), the most that four numbers can have
//
// The numbers are taken relative to the first, so that equal ones give exactly 0 and not a quotient of rounding errors.
func skewness(scores []float32) float64 {
	n := float64(len(scores))
	if n < 3 {
		return 0
	}
	shift, mean := float64(scores[0]), 0.0
	for _, x := range scores {
		mean += (float64(x) - shift) / n
	}
	var square, cube float64
	for _, x := range scores {
		d := float64(x) - shift - mean
		square += d * d
		cube += d * d * d
	}
	sd := math.Sqrt(square / (n - 1))
	if sd == 0 {
		return 0
	}
	return n / ((n - 1) * (n - 2)) * cube / (sd * sd * sd)
}

func checkScores(scores []float32) error {
	for i, x := range scores {
		if !(x >= 0) || math.IsInf(float64(x), 1) {
			return fmt.Errorf("score %d of %d is %v: %w", i, len(scores), x, ErrScores)
		}
	}
	return nil
}
