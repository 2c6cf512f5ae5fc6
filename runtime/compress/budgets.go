package compress

import (
	"cmp"
	"math"
	"slices"
)

// Budgets shares round(r*N*L) visual rows among L layers of N rows each, r = permille/1000:
//
//	w_l = 1/2 * ( s_l/mean(s) + g_l/mean(g) )            s strength, g skewness, both as ratios to their mean; 1 where a mean is 0
//	k_l = clip(lambda*w_l, kMin, N)                      lambda such that the k_l add up
//	kMin = max(1, min(ceil(0.01 N), floor(r N)))
//
// Whole numbers by floor, then by largest remainder, ties to the lower layer. Uniform gives every layer w_l = 1.
//
// An example: N = 100, r = 0.1, two layers, s = 3 and 1, g = 1 and 1. The means are 2 and 1, so w = (1.5+1)/2 = 1.25 and
// (0.5+1)/2 = 0.75; 20 rows are shared with lambda = 10: 12.5 and 7.5, floors 12 and 7, equal remainders: 13 and 7.
//
// The sum can differ from round(r*N*L) only where kMin in all layers is more: r*N < 1.
func Budgets(layers []Moments, visual, permille int, how LayerBudget) []int {
	if len(layers) == 0 || visual == 0 {
		return make([]int, len(layers))
	}
	least := max(1, min((visual+99)/100, permille*visual/Everything))
	total := (permille*visual*len(layers) + Everything/2) / Everything
	total = min(max(total, least*len(layers)), visual*len(layers))
	shares := waterFill(weights(layers, how), float64(least), float64(visual), float64(total))
	return wholeNumbers(shares, least, visual, total)
}

// faintest keeps lambda finite for a layer without strength and skewness; weights have a mean of 1.
const faintest = 1e-6

func weights(layers []Moments, how LayerBudget) []float64 {
	w := slices.Repeat([]float64{1}, len(layers))
	if how == Uniform {
		return w
	}
	strength := ratios(layers, func(m Moments) float64 { return m.Strength })
	skewness := ratios(layers, func(m Moments) float64 { return m.Skewness })
	for l := range w {
		w[l] = max(faintest, (strength[l]+skewness[l])/2)
	}
	return w
}

// ratios divides by the mean. The values are scaled by their maximum first, so that sums of huge or tiny strengths neither
// overflow nor vanish, and summed in order of size, so that the order of the layers does not show in the last bit.
func ratios(layers []Moments, of func(Moments) float64) []float64 {
	values := make([]float64, len(layers))
	for l, m := range layers {
		values[l] = of(m)
	}
	largest := slices.Max(values)
	if largest <= 0 {
		return slices.Repeat([]float64{1}, len(layers))
	}
	for l := range values {
		values[l] /= largest
	}
	mean := 0.0
	for _, v := range slices.Sorted(slices.Values(values)) {
		mean += v / float64(len(values))
	}
	for l := range values {
		values[l] /= mean
	}
	return values
}

// waterFill finds lambda by bisection and returns clip(lambda*w, least, most), which add up to total as nearly as floats can.
func waterFill(w []float64, least, most, total float64) []float64 {
	ordered := slices.Sorted(slices.Values(w))
	sum := func(lambda float64) float64 {
		s := 0.0
		for _, x := range ordered {
			s += min(max(lambda*x, least), most)
		}
		return s
	}
	low, high := 0.0, most/ordered[0]
	for range 200 {
		middle := low + (high-low)/2
		if middle <= low || middle >= high {
			break
		}
		if sum(middle) < total {
			low = middle
		} else {
			high = middle
		}
	}
	shares := make([]float64, len(w))
	for l, x := range w {
		shares[l] = min(max(high*x, least), most)
	}
	return shares
}

// wholeNumbers rounds the shares so that they add up to total and stay within the clips.
func wholeNumbers(shares []float64, least, most, total int) []int {
	const crumb = 1e-6 // two remainders nearer than this are a tie
	k := make([]int, len(shares))
	order := make([]int, len(shares))
	left := total
	for l, x := range shares {
		k[l] = min(max(int(math.Floor(x+crumb)), least), most)
		left -= k[l]
		order[l] = l
	}
	remainder := func(l int) float64 { return math.Round((shares[l] - float64(k[l])) / crumb) }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(remainder(b), remainder(a)) })
	// One round hands out less than a row a layer; the loops end because least*L <= total <= most*L.
	for left > 0 {
		for _, l := range order {
			if left > 0 && k[l] < most {
				k[l]++
				left--
			}
		}
	}
	for left < 0 {
		for _, l := range slices.Backward(order) {
			if left < 0 && k[l] > least {
				k[l]--
				left++
			}
		}
	}
	return k
}
