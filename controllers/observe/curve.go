package observe

import (
	"slices"

	"aircache.dev/aircache/controllers/tuner"
)

// curve is the recall of a pool's newest requests at several retentions. A window alone has too few requests for a low quantile.
type curve map[int32]recall

const (
	// curveRequests is how many requests the curve remembers: older ones fade, so other pictures are seen within as many.
	curveRequests = 200
	// lowQuantile: nine of ten requests have at least this recall.
	lowQuantile = 0.1
	// enoughForQuantile requests have one that says more than their mean.
	enoughForQuantile = 20
)

// add lets the window's requests in; as many old ones as they are too many fade.
func (c curve) add(w map[int32]recall) {
	for r, grown := range w {
		if grown.Count <= 0 {
			continue
		}
		old := c[r]
		if keep := max(0, curveRequests-grown.Count); old.Count > keep {
			old = old.scaled(keep / old.Count)
		}
		c[r] = recall{old.Histogram.plus(grown.Histogram), old.Sum.plus(grown.Sum)}
	}
}

func (r recall) scaled(by float64) recall {
	out := recall{Histogram{r.Bounds, slices.Clone(r.Counts)}, Sum{by * r.Sum.Sum, by * r.Sum.Count}}
	for i := range out.Counts {
		out.Counts[i] *= by
	}
	return out
}

// points are the curve as the tuner wants it.
func (c curve) points() []tuner.RecallPoint {
	var list []tuner.RecallPoint
	for r, v := range c {
		p := tuner.RecallPoint{RetentionPermille: r, Mean: v.Sum.mean()}
		if p.Count >= enoughForQuantile {
			p.Low = min(v.Histogram.quantile(lowQuantile), 1)
		}
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b tuner.RecallPoint) int { return int(a.RetentionPermille - b.RetentionPermille) })
	return list
}
