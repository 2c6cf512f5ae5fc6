package compress

import "slices"

// faintest keeps lambda finite for a layer that weighs nothing; weights have a mean of about 1.
const faintest = 1e-6

// weights tells how much a layer gets beside the others (1.3 of the design):
//
//	Uniform     w_l = 1
//	Strength    w_l = s_l/mean(s)                              1 where the mean is 0
//	Skewness    w_l = g_l/mean(g)                              1 where the mean is 0
//	Adaptive    w_l = 1/2 * ( s_l/mean(s) + g_l/mean(g) )
//	Pyramid     see pyramid
//
// Two layers with s = 3 and 1, g = 1 and 1: the means are 2 and 1, so Adaptive gives (1.5+1)/2 = 1.25 and (0.5+1)/2 = 0.75.
func weights(seen []Ranking, how LayerBudget, q Quota) []float64 {
	if how == Pyramid {
		return pyramid(len(seen), q)
	}
	w := slices.Repeat([]float64{1}, len(seen))
	if how == Uniform {
		return w
	}
	strength := ratios(seen, func(m Moments) float64 { return m.Strength })
	skewness := ratios(seen, func(m Moments) float64 { return m.Skewness })
	for l := range w {
		switch how {
		case Strength:
			w[l] = strength[l]
		case Skewness:
			w[l] = skewness[l]
		default:
			w[l] = (strength[l] + skewness[l]) / 2
		}
		w[l] = max(faintest, w[l])
	}
	return w
}

// ratios divides by the mean. The values are scaled by their maximum first, so that sums of huge or tiny strengths neither
// overflow nor vanish, and summed in order of size, so that the order of the layers does not show in the last bit.
func ratios(layers []Ranking, of func(Moments) float64) []float64 {
	values := make([]float64, len(layers))
	for l, r := range layers {
		values[l] = of(r.Moments)
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

// steepness is PyramidKV's beta: how many times less than the mean the last layer gets.
const steepness = 20

// pyramid falls linearly from the first layer to the last of the model; C = r*N is the mean:
//
//	last = C/20, first = 2C - last; where first > N: first = N, last = 2C - N
//
// N = 100, r = .1, 3 layers: C = 10, so 19.5, 10 and .5, as weights 1.95, 1 and .05. (kMin then lifts the last to 1.)
func pyramid(seen int, q Quota) []float64 {
	mean := float64(q.Permille) * float64(q.Visual) / Everything
	last := mean / steepness
	first := 2*mean - last
	if most := float64(q.Visual); first > most {
		first, last = most, 2*mean-most
	}
	w := make([]float64, seen)
	for l := range w {
		height := first
		if q.Layers > 1 {
			height -= float64(l) * (first - last) / float64(q.Layers-1)
		}
		w[l] = max(faintest, height/mean)
	}
	return w
}
