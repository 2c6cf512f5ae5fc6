package plant

import (
	"math"
	"slices"
	"sort"

	"aircache.dev/aircache/controllers/observe"
)

// The buckets of a runtime pod.
var (
	ttftBounds  = []float64{.05, .1, .2, .3, .5, .75, 1, 1.5, 2, 3, 4, 5, 7.5, 10, 20, 40, 80, 160}
	itlBounds   = []float64{.005, .01, .015, .02, .025, .03, .04, .05, .06, .075, .1, .125, .15, .2, .3, .4, .5, .75, 1}
	shareBounds = []float64{.05, .1, .15, .2, .25, .3, .35, .4, .45, .5, .55, .6, .65, .7, .75, .8, .85, .9, .95, 1}
)

// histogram counts in buckets, not cumulatively. The last bound is infinite.
type histogram struct{ bounds, counts []float64 }

func newHistogram(bounds []float64) histogram {
	return histogram{append(slices.Clone(bounds), math.Inf(1)), make([]float64, len(bounds)+1)}
}

func (h *histogram) add(value, count float64) {
	h.counts[sort.SearchFloat64s(h.bounds, value)] += count
}

func (h *histogram) shown() observe.Histogram {
	out := observe.Histogram{Bounds: h.bounds, Counts: make([]float64, len(h.counts))}
	sum := 0.0
	for i, n := range h.counts {
		sum += n
		out.Counts[i] = sum
	}
	return out
}

// snapshot is what the pod's /metrics says.
func (p *pod) snapshot() observe.Snapshot {
	c := &p.seen
	peak := 0.0
	for _, v := range p.peaks {
		peak = math.Max(peak, v)
	}
	s := observe.Snapshot{
		Product: p.gpu.Name, RetentionPermille: p.retention, Epoch: p.epoch, Revision: p.revision,
		Running: float64(len(p.running)), Waiting: float64(len(p.queue)), Usage: math.Min(p.used()/p.gpu.PoolTokens, 1), Peak: peak, Blocked: p.blocked,
		Counters: c.Counters, TTFT: c.ttft.shown(), ITL: c.itl.shown(), QueueWait: c.wait.shown(), Steps: c.steps, Prefill: c.prefill,
		Recall: map[int32]observe.Histogram{}, RecallSums: map[int32]observe.Sum{}, AppliedRecall: c.appliedRecall, Compared: c.compare,
		CandidatePermille: p.candidate, CanaryPermille: p.share, CanaryRecall: c.canaryRecall, CanaryCompared: c.canaryCompare,
		StartedAt: 1 + p.readyAt,
	}
	if p.prefill != nil {
		s.Running++
	}
	for at, h := range c.recall {
		s.Recall[at], s.RecallSums[at] = h.shown(), c.recallSum[at]
	}
	return s
}
