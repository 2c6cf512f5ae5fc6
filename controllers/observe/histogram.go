package observe

import (
	"math"
	"slices"
	"sort"
	"sync"
)

// boundLists keeps one copy of each list of bounds, for thousands of pods have the same ones.
type boundLists struct {
	mu    sync.Mutex
	lists [][]float64
}

// Pods of a few versions have fewer lists than that, and shorter ones. What else a pod makes up is not kept.
const maxBoundLists, maxBounds = 64, 64

var allBounds boundLists

// share is a list that equals this one, the same for all that ask.
func (b *boundLists) share(list []float64) []float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, known := range b.lists {
		if slices.Equal(known, list) {
			return known
		}
	}
	if len(b.lists) < maxBoundLists && len(list) <= maxBounds {
		b.lists = append(b.lists, list)
	}
	return list
}

// plus adds two histograms, also such with other bounds (pods of two versions in one
// pool): at every bound of either it adds what each has at or below it.
func (h Histogram) plus(o Histogram) Histogram {
	switch {
	case len(h.Bounds) == 0:
		return o
	case len(o.Bounds) == 0:
		return h
	case slices.Equal(h.Bounds, o.Bounds):
		out := Histogram{h.Bounds, make([]float64, len(h.Counts))}
		for i := range out.Counts {
			out.Counts[i] = h.Counts[i] + o.Counts[i]
		}
		return out
	}
	var out Histogram
	for i, j := 0, 0; i < len(h.Bounds) || j < len(o.Bounds); {
		bound := math.Inf(1)
		if i < len(h.Bounds) {
			bound = h.Bounds[i]
		}
		if j < len(o.Bounds) {
			bound = math.Min(bound, o.Bounds[j])
		}
		for i < len(h.Bounds) && h.Bounds[i] <= bound {
			i++
		}
		for j < len(o.Bounds) && o.Bounds[j] <= bound {
			j++
		}
		out.Bounds, out.Counts = append(out.Bounds, bound), append(out.Counts, h.below(i)+o.below(j))
	}
	return out
}

// below is what the first n buckets hold.
func (h Histogram) below(n int) float64 {
	if n == 0 {
		return 0
	}
	return h.Counts[n-1]
}

// minus is what was observed since an earlier histogram of the same process; none and
// false if that cannot have been one: other bounds, or a bucket that shrank.
func (h Histogram) minus(earlier Histogram) (Histogram, bool) {
	if len(earlier.Bounds) == 0 {
		return h, true
	}
	if !slices.Equal(h.Bounds, earlier.Bounds) {
		return Histogram{}, false
	}
	out := Histogram{h.Bounds, make([]float64, len(h.Counts))}
	for i := range out.Counts {
		out.Counts[i] = h.Counts[i] - earlier.Counts[i]
		if out.Counts[i] < 0 || i > 0 && out.Counts[i] < out.Counts[i-1] {
			return Histogram{}, false
		}
	}
	return out, true
}

// count is the number of observations.
func (h Histogram) count() float64 { return h.below(len(h.Counts)) }

// quantile interpolates inside the bucket that holds the rank, as PromQL does; what lies
// above the last finite bound counts as that bound. Worked example: 60 observations up to 0.1, 40
// more up to 0.2: the 95th of 100 is the 35th of those 40, so 0.1 + 35/40 * 0.1 = 0.1875.
func (h Histogram) quantile(q float64) float64 {
	rank := q * h.count()
	if !(rank > 0) {
		return 0
	}
	at := sort.Search(len(h.Counts), func(i int) bool { return h.Counts[i] >= rank })
	low, before := 0.0, 0.0
	if at > 0 {
		low, before = h.Bounds[at-1], h.Counts[at-1]
	}
	if math.IsInf(h.Bounds[at], 1) {
		return max(low, 0)
	}
	low = min(low, h.Bounds[at])
	return max(low+(h.Bounds[at]-low)*(rank-before)/(h.Counts[at]-before), 0)
}
