package compress

import (
	"cmp"
	"math"
	"slices"
)

// Quota is how many visual rows may stay: round(r*N*L) of N rows in each of L layers, r = Permille/1000.
type Quota struct {
	Visual   int // N
	Layers   int // L, of the model
	Permille int
}

// Least is what each layer keeps at least (kMin): max(1, min(ceil(0.01 N), floor(r N))).
//
//	N = 576:  r = .10 -> min(6, 57) = 6    r = .005 -> min(6, 2) = 2    r = .001 -> max(1, 0) = 1
func (q Quota) Least() int {
	if q.Visual == 0 {
		return 0
	}
	return max(1, min((q.Visual+99)/100, q.Permille*q.Visual/Everything))
}

// Total is what the first layers may keep together: the quota of all layers, as far as those seen can hold it. It differs
// from round(r*N*L) only while few layers are seen, and where kMin in all layers is more (r*N < 1).
//
//	N = 100, L = 8, r = .2: 160 in all; one layer 100, two 160, eight 160
func (q Quota) Total(seen int) int {
	total := (q.Permille*q.Visual*q.Layers + Everything/2) / Everything
	return min(max(total, q.Least()*seen), q.Visual*seen)
}

// Budgets are the whole rows that each of the layers keeps: the policy's shares, rounded so that they add up to the quota.
func Budgets(p Policy, seen []Ranking, q Quota) []int {
	if len(seen) == 0 || q.Visual == 0 {
		return make([]int, len(seen))
	}
	return q.round(p.Share(seen, q))
}

// fill gives every layer lambda times its weight, clipped to what a layer must and can keep:
//
//	k_l = clip(lambda*w_l, kMin, N)      lambda such that the k_l add up to the total
//
// N = 100, r = .1, weights 1.25 and .75: 20 rows are shared with lambda = 10: 12.5 and 7.5.
func (q Quota) fill(w []float64) []float64 {
	ordered := slices.Sorted(slices.Values(w))
	least, most := float64(q.Least()), float64(q.Visual)
	_, lambda := solve(most/ordered[0], float64(q.Total(len(w))), func(lambda float64) (sum float64) {
		for _, x := range ordered { // in order of size, so that the order of the layers does not show in the last bit
			sum += min(max(lambda*x, least), most)
		}
		return sum
	})
	shares := make([]float64, len(w))
	for l, x := range w {
		shares[l] = min(max(lambda*x, least), most)
	}
	return shares
}

// solve finds x in 0..high with f(x) = want by bisection; f never falls. It returns neighbours with f(low) < want <= f(high).
func solve(high, want float64, f func(float64) float64) (low, top float64) {
	for range 200 {
		middle := low + (high-low)/2
		if middle <= low || middle >= high {
			break
		}
		if f(middle) < want {
			low = middle
		} else {
			high = middle
		}
	}
	return low, high
}

// round makes whole numbers of shares: floors, then the largest remainders one more, ties to the lower layer; the sum is the
// total, and each stays within its clips.
//
//	12.5 and 7.5 of 20   ->  floors 12 and 7, equal remainders: 13 and 7
func (q Quota) round(shares []float64) []int {
	const crumb = 1e-6 // two remainders nearer than this are a tie
	k := make([]int, len(shares))
	order := make([]int, len(shares))
	left := q.Total(len(shares))
	for l, x := range shares {
		k[l] = min(max(int(math.Floor(x+crumb)), q.Least()), q.Visual)
		left -= k[l]
		order[l] = l
	}
	remainder := func(l int) float64 { return math.Round((shares[l] - float64(k[l])) / crumb) }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(remainder(b), remainder(a)) })
	// One round hands out less than a row a layer; the loops end because least*L <= total <= most*L.
	for left > 0 {
		for _, l := range order {
			if left > 0 && k[l] < q.Visual {
				k[l]++
				left--
			}
		}
	}
	for left < 0 {
		for _, l := range slices.Backward(order) {
			if left < 0 && k[l] > q.Least() {
				k[l]--
				left++
			}
		}
	}
	return k
}
