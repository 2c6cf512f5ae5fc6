package tuner

import "math"

// Sample is what one round of scrapes says about a pool. Counts are sums over the
// pods and over the window; the hottest pod is the one with the highest demand.
type Sample struct {
	Desired           int     // pods that the pool is to have; 0: as many as are ready
	Expected, Scraped int     // pods that are ready; pods that answered
	AgeSeconds        float64 // of the oldest answer
	ElapsedSeconds    float64 // since the last call of Next for this pool
	WindowSeconds     float64 // between the two scrapes that the counts come from; 0 = only one scrape yet

	Hottest          Load
	Running, Waiting float64

	Finished        float64 // requests that ended in the window
	Preemptions     float64
	TextTokens      float64 // prompt text prefilled in the window
	GeneratedTokens float64
	VisualSeen      float64 // picture tokens prefilled, and kept after compression
	VisualKept      float64
	Steps           StepSums // decode steps of the window
	PrefillSeconds  float64  // that requests spent in prefill, vision tower included
	PodSeconds      float64  // the windows of all pods together

	TTFT, ITL, QueueWait Latency
	Recall               []RecallPoint // ascending retention; of the newest requests
	AppliedRecall        Mean
	Agreement            Mean // share of next tokens that are the whole cache's, and the requests that were compared
	Canary               CanarySample

	Applied Applied // the newest tuning that a pod says it applies
}

// Load is the state of one pod's page pool.
type Load struct {
	Usage   float64 // share of pages used now
	Peak    float64 // highest usage of the last 15 s; 1 when a request waited for pages
	Blocked bool    // a request waits for pages now
	Running float64
	Waiting float64
}

// Latency is a quantile over the window, and how many observations it has.
type Latency struct{ P95Seconds, Count float64 }

// Mean is a mean over the window, and how many observations it has.
type Mean struct{ Value, Count float64 }

// RecallPoint is the recall that requests would have at a retention: their mean, and what nine of ten have at least.
type RecallPoint struct {
	RetentionPermille int32
	Mean
	Low float64 // 0: not known
}

// quality is what counts of the curve: a mean hides the requests that lose most.
func (p RecallPoint) quality() float64 {
	if p.Low > 0 {
		return min(p.Low, p.Value)
	}
	return p.Value
}

// CanarySample is what the window says of the value on trial.
type CanarySample struct {
	Requests      float64 // that got it
	Recall        Mean    // of those
	Agreement     Mean    // of all requests that were compared at it, in whichever arm they were served
	Worse, Better float64 // requests compared at both values: at how many the one on trial agreed with the whole cache less, more
}

// Applied is the order and value of a tuning in force, and the value on trial with its share of the requests.
type Applied struct {
	Epoch, Revision                   int64
	TargetPermille                    int32
	CandidatePermille, CanaryPermille int32
}

// peakMemorySeconds is how long a pod's peak gauge remembers (its sliding window).
const peakMemorySeconds = 15

const maxDemand = 2.0

// Demand is the share of the pool that the pod's requests need. Right after a change
// the peak still shows the time before, so only the present counts then. Waiting requests
// count while the first of them waits for pages, or the pool has visibly no room for one
// more prompt, which arrives uncompressed; else they wait for compute, and compression
// cannot help them. size is
// e(resident), the size of the requests in the pool relative to the full cache.
//
// Worked example: 8 run in 0.8 of the pool at size 0.4, 2 wait. A prompt takes
// 0.8/8 / 0.4 = 0.25 of the pool, so it has no room: the demand is 0.8 * (8+2)/8 = 1.0.
// It ends at maxDemand: how long a backlog is says little about what the load needs for good.
func (l Load) Demand(peakIsOld bool, size float64) float64 {
	now := l.Usage
	if l.Running > 0 && (l.Blocked || l.Usage+l.Usage/l.Running/max(size, 0.001) > 1) {
		now = min(l.Usage*(l.Running+l.Waiting)/l.Running, maxDemand)
	}
	if peakIsOld {
		return now
	}
	return max(now, l.Peak)
}

// prefillRate is the load that the users offer, in tokens a second: it does not
// depend on the retention.
func (m Sample) prefillRate() float64 {
	if m.WindowSeconds <= 0 {
		return 0
	}
	return (m.TextTokens + m.VisualSeen) / m.WindowSeconds
}

// isSound reports whether every number is finite and none is negative.
func (m Sample) isSound() bool {
	numbers := [...]float64{
		m.AgeSeconds, m.WindowSeconds, m.Hottest.Usage, m.Hottest.Peak, m.Hottest.Running, m.Hottest.Waiting,
		m.Running, m.Waiting, m.Finished, m.Preemptions, m.TextTokens, m.GeneratedTokens, m.VisualSeen, m.VisualKept,
		m.TTFT.P95Seconds, m.TTFT.Count, m.ITL.P95Seconds, m.ITL.Count, m.QueueWait.P95Seconds, m.QueueWait.Count,
		m.AppliedRecall.Value, m.AppliedRecall.Count, m.Agreement.Value, m.Agreement.Count,
		m.Steps.Count, m.Steps.Seconds, m.Steps.KVTokens, m.Steps.Batch, m.PrefillSeconds, m.PodSeconds,
		m.Canary.Requests, m.Canary.Recall.Value, m.Canary.Recall.Count, m.Canary.Agreement.Value, m.Canary.Agreement.Count, m.Canary.Worse, m.Canary.Better,
	}
	for _, p := range m.Recall {
		if !(p.Value >= 0 && p.Count >= 0 && p.Low >= 0 && p.Value <= maxNumber && p.Count <= maxNumber && p.Low <= maxNumber) {
			return false
		}
	}
	for _, n := range numbers {
		if !(n >= 0) || n > maxNumber {
			return false
		}
	}
	return true
}

// maxNumber bounds what is believed of a pod: no sum or product of such numbers
// overflows, and all below 2^53 are exact.
const maxNumber = 1 << 53

// elapsed is the time since the last call, made safe: a clock that went backwards is no time.
func (m Sample) elapsed() float64 {
	if !(m.ElapsedSeconds >= 0) {
		return 0
	}
	return math.Min(m.ElapsedSeconds, 86400)
}
