package observe

import (
	"slices"
	"strings"
	"time"

	"aircache.dev/aircache/controllers/tuner"
)

// Result is the scrape of one pod.
type Result struct {
	Pod      string // its UID: a pod that was replaced is another pod
	At       time.Time
	Took     time.Duration
	Snapshot Snapshot
	Err      error
}

// Memory keeps the last snapshot of every pod of a pool, and the recall curve of its newest requests. The zero Memory is empty.
type Memory struct {
	last   map[string]Result
	recall curve
}

// Sample adds one round of scrapes up and remembers it. Pods that are gone are forgotten; a pod
// that failed keeps its last snapshot, so that its next window is only longer. A pod whose counters contradict each other counts as
// failed in this round, and as new in the next.
func (m *Memory) Sample(now time.Time, results []Result) tuner.Sample {
	s := tuner.Sample{Expected: len(results)}
	next := make(map[string]Result, len(results))
	total := window{recall: map[int32]recall{}}
	s.Applied = newest(results)
	for _, r := range results {
		before, seen := m.last[r.Pod]
		if r.Err != nil {
			if seen {
				next[r.Pod] = before
			}
			continue
		}
		next[r.Pod] = r
		if seconds := r.At.Sub(before.At).Seconds(); seen && seconds > 0 {
			w, err := between(before.Snapshot, r.Snapshot)
			if err != nil {
				continue
			}
			w.seconds = seconds
			if r.Snapshot.CandidatePermille != s.Applied.CandidatePermille {
				w = w.withoutTrial() // of a value that is on trial no more, in a pod that was not told yet
			}
			s.WindowSeconds = max(s.WindowSeconds, seconds)
			total = total.plus(w)
		}
		addGauges(&s, now, r)
	}
	m.last = next
	if m.recall == nil {
		m.recall = curve{}
	}
	m.recall.add(total.recall)
	addWindow(&s, total)
	s.Recall = m.recall.points()
	return s
}

// Last are the newest results of the pods, in their order; false when a pod has none, or one from before since.
func (m *Memory) Last(pods []Pod, since time.Time) ([]Result, bool) {
	results := make([]Result, len(pods))
	for i, pod := range pods {
		r, known := m.last[pod.UID]
		if !known || r.At.Before(since) {
			return nil, false
		}
		results[i] = r
	}
	return results, true
}

// Product is what the pods say they run on: all names, in order, with a comma and a space between them, if they differ.
func (m *Memory) Product() string {
	var names []string
	for _, r := range m.last {
		if r.Snapshot.Product != "" {
			names = append(names, r.Snapshot.Product)
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

func addGauges(s *tuner.Sample, now time.Time, r Result) {
	p := r.Snapshot
	s.Scraped++
	s.AgeSeconds = max(s.AgeSeconds, now.Sub(r.At).Seconds())
	s.Running += p.Running
	s.Waiting += p.Waiting
	if load := (tuner.Load{Usage: p.Usage, Peak: p.Peak, Blocked: p.Blocked, Running: p.Running, Waiting: p.Waiting}); s.Scraped == 1 || hotter(load, s.Hottest) {
		s.Hottest = load
	}
}

// newest is the newest tuning that a pod says it applies.
func newest(results []Result) (a tuner.Applied) {
	for _, r := range results {
		if p := r.Snapshot; r.Err == nil && (p.Epoch > a.Epoch || p.Epoch == a.Epoch && p.Revision > a.Revision) {
			a = p.Applied()
		}
	}
	return a
}

// hotter compares the fullest moment first, then who waits, then the present.
func hotter(a, b tuner.Load) bool {
	if full, other := max(a.Usage, a.Peak), max(b.Usage, b.Peak); full != other {
		return full > other
	}
	if a.Waiting != b.Waiting {
		return a.Waiting > b.Waiting
	}
	return a.Usage > b.Usage
}

func (w window) plus(o window) window {
	w.counters, w.seconds = w.counters.plus(o.counters), w.seconds+o.seconds
	w.ttft, w.itl, w.queueWait = w.ttft.plus(o.ttft), w.itl.plus(o.itl), w.queueWait.plus(o.queueWait)
	w.steps, w.prefill = w.steps.plus(o.steps), w.prefill.plus(o.prefill)
	for r, v := range o.recall {
		w.recall[r] = recall{w.recall[r].Histogram.plus(v.Histogram), w.recall[r].Sum.plus(v.Sum)}
	}
	w.appliedRecall, w.compared = w.appliedRecall.plus(o.appliedRecall), w.compared.plus(o.compared)
	w.canaryRecall, w.canaryCompared = w.canaryRecall.plus(o.canaryRecall), w.canaryCompared.plus(o.canaryCompared)
	return w
}

func addWindow(s *tuner.Sample, w window) {
	s.Finished, s.Preemptions = w.counters.Finished, w.counters.Preemptions
	s.TextTokens, s.GeneratedTokens = w.counters.TextTokens, w.counters.GeneratedTokens
	s.VisualSeen, s.VisualKept = w.counters.VisualSeen, w.counters.VisualKept
	s.Steps = tuner.StepSums{Count: w.steps.Count, Seconds: w.steps.Sum, KVTokens: w.counters.StepKVTokens, Batch: w.counters.StepBatch}
	s.PrefillSeconds, s.PodSeconds = w.prefill.Sum, w.seconds
	s.TTFT, s.ITL, s.QueueWait = p95(w.ttft), p95(w.itl), p95(w.queueWait)
	c := w.counters
	s.AppliedRecall, s.Agreement = w.appliedRecall.mean(), agreement(c.ShadowAgreed, c.ShadowSteps, w.compared)
	s.Canary = tuner.CanarySample{
		Requests: c.CanaryRequests, Recall: w.canaryRecall.mean(), Agreement: agreement(c.CanaryShadowAgreed, c.CanaryShadowSteps, w.canaryCompared),
		Worse: c.PairsWorse, Better: c.PairsBetter,
	}
}

// agreement is the share of all compared tokens; what it is worth follows from the number of requests, whose tokens err together.
func agreement(agreed, steps float64, requests Sum) tuner.Mean {
	if steps <= 0 {
		return tuner.Mean{}
	}
	return tuner.Mean{Value: min(agreed/steps, 1), Count: requests.Count}
}

func p95(h Histogram) tuner.Latency {
	return tuner.Latency{P95Seconds: h.quantile(0.95), Count: h.count()}
}

func (s Sum) mean() tuner.Mean {
	if s.Count <= 0 {
		return tuner.Mean{}
	}
	return tuner.Mean{Value: s.Sum / s.Count, Count: s.Count}
}
