package observe

import "errors"

// window is what one pod did between two snapshots.
type window struct {
	counters             Counters
	ttft, itl, queueWait Histogram
	steps, prefill       Sum
	recall               map[int32]recall
	appliedRecall        Sum
	compared             Sum
	canaryRecall         Sum
	canaryCompared       Sum
	seconds              float64
}

// recall is how the requests of a window would have fared at one retention.
type recall struct {
	Histogram
	Sum
}

func (w window) withoutTrial() window {
	c := &w.counters
	c.CanaryRequests, c.CanaryShadowSteps, c.CanaryShadowAgreed, c.PairsWorse, c.PairsBetter = 0, 0, 0, 0, 0
	w.canaryRecall, w.canaryCompared = Sum{}, Sum{}
	return w
}

var errBackwards = errors.New("counters fell though the process is the same")

// between subtracts two snapshots of a pod. A process that restarted counts from zero
// again, so all that it shows happened since: one counter that fell is proof for all,
// since a counter that has caught up by now would go unnoticed on its own. A process that says that it did not restart
// and yet goes backwards is not believed.
func between(before, after Snapshot) (window, error) {
	if w, same := difference(before, after); same {
		return w, nil
	}
	if before.StartedAt != 0 && after.StartedAt == before.StartedAt {
		return window{}, errBackwards
	}
	w, _ := difference(Snapshot{}, after)
	return w, nil
}

func difference(before, after Snapshot) (w window, same bool) {
	if before.StartedAt != 0 && after.StartedAt > before.StartedAt {
		return window{}, false
	}
	w.counters = after.Counters.minus(before.Counters)
	same = w.counters.isGrowth()
	for _, h := range []struct {
		to     *Histogram
		after  Histogram
		before Histogram
	}{
		{&w.ttft, after.TTFT, before.TTFT}, {&w.itl, after.ITL, before.ITL}, {&w.queueWait, after.QueueWait, before.QueueWait},
	} {
		grown, ok := h.after.minus(h.before)
		*h.to, same = grown, same && ok
	}
	w.recall = map[int32]recall{}
	for r, h := range after.Recall {
		grown, ok := h.minus(before.Recall[r])
		sum := after.RecallSums[r].minus(before.RecallSums[r])
		w.recall[r] = recall{grown, sum}
		same = same && ok && sum.isGrowth()
	}
	for _, s := range []struct {
		to            *Sum
		after, before Sum
	}{
		{&w.steps, after.Steps, before.Steps}, {&w.prefill, after.Prefill, before.Prefill},
		{&w.appliedRecall, after.AppliedRecall, before.AppliedRecall}, {&w.compared, after.Compared, before.Compared},
		{&w.canaryRecall, after.CanaryRecall, before.CanaryRecall}, {&w.canaryCompared, after.CanaryCompared, before.CanaryCompared},
	} {
		*s.to = s.after.minus(s.before)
		same = same && s.to.isGrowth()
	}
	return w, same
}

// values lists the counters, so that no sum forgets one.
func (c *Counters) values() [15]*float64 {
	return [...]*float64{
		&c.Finished, &c.Preemptions, &c.TextTokens, &c.GeneratedTokens, &c.VisualSeen, &c.VisualKept,
		&c.ShadowSteps, &c.ShadowAgreed, &c.StepKVTokens, &c.StepBatch,
		&c.CanaryRequests, &c.CanaryShadowSteps, &c.CanaryShadowAgreed, &c.PairsWorse, &c.PairsBetter,
	}
}

func (c Counters) plus(o Counters) Counters {
	other := o.values()
	for i, v := range c.values() {
		*v += *other[i]
	}
	return c
}

func (c Counters) minus(o Counters) Counters {
	other := o.values()
	for i, v := range c.values() {
		*v -= *other[i]
	}
	return c
}

func (c Counters) isGrowth() bool {
	for _, v := range c.values() {
		if !(*v >= 0) {
			return false
		}
	}
	return true
}

func (s Sum) minus(o Sum) Sum { return Sum{s.Sum - o.Sum, s.Count - o.Count} }

func (s Sum) isGrowth() bool { return s.Sum >= 0 && s.Count >= 0 }
