package observe

// window is what one pod did between two snapshots.
type window struct {
	counters             Counters
	ttft, itl, queueWait Histogram
	recall               map[int32]Sum
	appliedRecall        Sum
	compared             Sum
}

// between subtracts two snapshots of a pod. A process that restarted counts from zero
// again, so all that it shows happened since: one counter that fell is proof for all,
// since a counter that has caught up by now would go unnoticed on its own.
func between(before, after Snapshot) window {
	if w, same := difference(before, after); same {
		return w
	}
	w, _ := difference(Snapshot{}, after)
	return w
}

func difference(before, after Snapshot) (w window, same bool) {
	if before.startedAt != 0 && after.startedAt > before.startedAt {
		return window{}, false
	}
	b, a := before.Counters, after.Counters
	w.counters = Counters{
		a.Finished - b.Finished, a.Preemptions - b.Preemptions, a.TextTokens - b.TextTokens,
		a.GeneratedTokens - b.GeneratedTokens, a.VisualSeen - b.VisualSeen, a.VisualKept - b.VisualKept,
		a.ShadowSteps - b.ShadowSteps, a.ShadowAgreed - b.ShadowAgreed,
	}
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
	w.recall = map[int32]Sum{}
	for r, v := range after.Recall {
		w.recall[r] = v.minus(before.Recall[r])
		same = same && w.recall[r].isGrowth()
	}
	w.appliedRecall, w.compared = after.AppliedRecall.minus(before.AppliedRecall), after.Compared.minus(before.Compared)
	return w, same && w.appliedRecall.isGrowth() && w.compared.isGrowth()
}

func (c Counters) isGrowth() bool {
	return c.Finished >= 0 && c.Preemptions >= 0 && c.TextTokens >= 0 && c.GeneratedTokens >= 0 && c.VisualSeen >= 0 && c.VisualKept >= 0 &&
		c.ShadowSteps >= 0 && c.ShadowAgreed >= 0
}

func (s Sum) minus(o Sum) Sum { return Sum{s.Sum - o.Sum, s.Count - o.Count} }

func (s Sum) isGrowth() bool { return s.Sum >= 0 && s.Count >= 0 }
