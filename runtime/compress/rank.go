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

// Ranking is one layer's visual rows, best first: one order for all KV heads, or one for each. What is kept at a lower
// retention is always a part of what is kept at a higher one.
type Ranking struct {
	Moments
	Elite  int // rows of the observation window, where there is one
	orders [][]int32
	prefix []float64 // prefix[k] is the sum of the k best scores, the mean over orders
}

// Rank sorts a layer's scores; of equal ones the lower position comes first.
func Rank(scores []float32) (Ranking, error) { return RankHeads([][]float32{scores}) }

// RankHeads sorts each KV head's scores by themselves. Strength and skewness are those of their mean.
func RankHeads(heads [][]float32) (Ranking, error) { return rankHeadsBy(heads, heads) }

// rankHeadsBy takes the order from other numbers than the scores that strength, skewness and recall are of.
func rankHeadsBy(order, heads [][]float32) (Ranking, error) {
	for h, scores := range heads {
		if err := checkScores(scores); err != nil {
			return Ranking{}, err
		}
		if err := checkScores(order[h]); err != nil {
			return Ranking{}, err
		}
	}
	r := Ranking{prefix: make([]float64, len(heads[0])+1)}
	for h, scores := range heads {
		r.add(bestFirst(order[h]), scores, len(heads))
	}
	mean := heads[0]
	if len(heads) > 1 {
		mean = make([]float32, len(heads[0]))
		for v := range mean {
			for _, scores := range heads {
				mean[v] += scores[v] / float32(len(heads))
			}
		}
	}
	r.Moments = Moments{Strength: r.prefix[len(mean)], Skewness: max(0, skewness(mean))}
	return r, nil
}

// rankInOrder takes an order that is not the scores' own.
func rankInOrder(order []int32, scores []float32) (Ranking, error) {
	r, err := Rank(scores)
	if err != nil {
		return Ranking{}, err
	}
	r.orders, r.prefix = nil, make([]float64, len(scores)+1)
	r.add(order, scores, 1)
	return r, nil
}

func (r *Ranking) add(order []int32, scores []float32, of int) {
	r.orders = append(r.orders, order)
	sum := 0.0
	for k, v := range order {
		sum += float64(scores[v])
		r.prefix[k+1] += sum / float64(of)
	}
}

func bestFirst(scores []float32) []int32 {
	order := make([]int32, len(scores))
	for v := range order {
		order[v] = int32(v)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(scores[b], scores[a]), cmp.Compare(a, b))
	})
	return order
}

// Len is the number of ranked rows.
func (r Ranking) Len() int { return len(r.orders[0]) }

// Top is the k best rows of each order, ascending; they are kept in the order of the picture.
//
//	scores .1 .4 .2 .4, k = 3   ->  1 2 3
func (r Ranking) Top(k int) Selection {
	var s Selection
	for _, order := range r.orders {
		top := slices.Clone(order[:min(max(k, 0), len(order))])
		slices.Sort(top)
		s = append(s, top)
	}
	return s
}

// Recall is the share of the scores that the k best rows carry; all of it where there is none.
//
//	scores .1 .4 .2 .4, k = 3   ->  1.0/1.1 = .909
func (r Ranking) Recall(k int) float64 {
	all := r.prefix[r.Len()]
	if all == 0 {
		return 1
	}
	return r.prefix[min(max(k, 0), r.Len())] / all
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
