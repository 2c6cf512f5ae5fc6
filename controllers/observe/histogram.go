package observe

import (
	"math"
	"sort"
)

// plus adds two histograms, also such with other bounds (pods of two versions in one
// pool): at every bound of either it adds what each has at or below it.
func (h Histogram) plus(o Histogram) Histogram {
	if len(h) == 0 {
		return o
	}
	if len(o) == 0 {
		return h
	}
	var out Histogram
	for i, j := 0, 0; i < len(h) || j < len(o); {
		bound := math.Inf(1)
		if i < len(h) {
			bound = h[i].Bound
		}
		if j < len(o) {
			bound = math.Min(bound, o[j].Bound)
		}
		for i < len(h) && h[i].Bound <= bound {
			i++
		}
		for j < len(o) && o[j].Bound <= bound {
			j++
		}
		out = append(out, Bucket{bound, h.below(i) + o.below(j)})
	}
	return out
}

// below is what the first n buckets hold.
func (h Histogram) below(n int) float64 {
	if n == 0 {
		return 0
	}
	return h[n-1].Count
}

// minus is what was observed since an earlier histogram of the same process; nil and
// false if that cannot have been one: other bounds, or a bucket that shrank.
func (h Histogram) minus(earlier Histogram) (Histogram, bool) {
	if len(earlier) == 0 {
		return h, true
	}
	if len(h) != len(earlier) {
		return nil, false
	}
	out := make(Histogram, len(h))
	for i := range h {
		out[i] = Bucket{h[i].Bound, h[i].Count - earlier[i].Count}
		if h[i].Bound != earlier[i].Bound || out[i].Count < 0 || i > 0 && out[i].Count < out[i-1].Count {
			return nil, false
		}
	}
	return out, true
}

// count is the number of observations.
func (h Histogram) count() float64 { return h.below(len(h)) }

// quantile interpolates inside the bucket that holds the rank, as PromQL does; what lies
// above the last finite bound counts as that bound. Worked example: 60 observations up to 0.1, 40
// more up to 0.2: the 95th of 100 is the 35th of those 40, so 0.1 + 35/40 * 0.1 = 0.1875.
func (h Histogram) quantile(q float64) float64 {
	rank := q * h.count()
	if !(rank > 0) {
		return 0
	}
	at := sort.Search(len(h), func(i int) bool { return h[i].Count >= rank })
	low, before := 0.0, 0.0
	if at > 0 {
		low, before = h[at-1].Bound, h[at-1].Count
	}
	if math.IsInf(h[at].Bound, 1) {
		return max(low, 0)
	}
	low = min(low, h[at].Bound)
	return max(low+(h[at].Bound-low)*(rank-before)/(h[at].Count-before), 0)
}
