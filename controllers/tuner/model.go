package tuner

import "math"

// model is the KV demand and step time of doc.go with their numbers for one window.
type model struct {
	known    bool    // the text share has been measured
	text     float64 // x
	demand   float64 // of the hottest pod, a share of its pool
	full     float64 // F
	resident float64 // permille

	steps  StepModel
	at     [3]float64 // the window's mean step: 1, thousands of KV tokens, sequences
	step   float64    // and its seconds; 0: there were too few
	unsure float64    // one standard deviation of what 1000 KV tokens cost, in seconds
	itl    float64    // p95 of the inter-token latency; 0: not measured
	waits  bool       // requests wait, so a place that becomes free is taken at once
	busy   occupancy
	queued float64 // requests offered for each one served
}

// occupancy is how a pod's time is spent, as shares.
type occupancy struct {
	known           bool
	prefill, decode float64
}

// shareSmoothing is the weight of a new window's text share: a change of picture
// sizes is followed to 90 % in 7 windows, (1-0.3)^7 = 0.08.
const shareSmoothing = 0.3

// learned is s with the window's text share and step time, and the retention of the requests that now fill the pool.
func (s State) learned(m Sample) State {
	// An answer grows while it is in the pool: on the average half of it is there.
	text := m.TextTokens + m.GeneratedTokens/2
	// A window in which only answers grew says nothing about the next prompts, one without an end little about answers.
	if prompts := m.TextTokens + m.VisualSeen; prompts > 0 && m.WindowSeconds > 0 && (m.Finished > 0 || s.TextShare == 0) {
		x := text / (text + m.VisualSeen)
		if s.TextShare > 0 {
			x = s.TextShare + shareSmoothing*(x-s.TextShare)
		}
		s.TextShare = clamp(x, 0.001, 1)
	}
	s.Steps = s.Steps.learned(m.Steps, m.WindowSeconds)
	s.ResidentPermille = residentPermille(s, m)
	return s.settling(m)
}

// settling notes since when the pool's requests have the target: from the end of the
// window in which the resident retention came near to it.
func (s State) settling(m Sample) State {
	was, target := s.Settled, s.meanPermille()
	s.Settled = math.Abs(s.ResidentPermille-target) <= settledWithin*target
	if s.SettledSeconds = min(s.SettledSeconds+m.elapsed(), maxSeconds); !s.Settled || !was {
		s.SettledSeconds = 0
	}
	return s
}

// settledWithin is how near to the target the resident retention has to be.
const settledWithin = 0.05

// believeAnywaySeconds after a change the peak gauge counts again, though requests that run
// for so long may still have the old retention.
const believeAnywaySeconds = 120

// peakIsOld reports whether the peak gauge still remembers requests from before the last change.
func (s State) peakIsOld() bool {
	return s.SettledSeconds < peakMemorySeconds && s.SinceChangeSeconds < believeAnywaySeconds
}

// residentPermille follows the target with the pool's turnover.
func residentPermille(s State, m Sample) float64 {
	target := s.meanPermille()
	if m.Running == 0 && m.Waiting == 0 {
		return target
	}
	admitted := target
	if m.VisualSeen > 0 {
		admitted = clamp(1000*m.VisualKept/m.VisualSeen, 1, 1000)
	}
	replaced := min(1, m.Finished/max(m.Running, 1))
	return s.ResidentPermille + replaced*(admitted-s.ResidentPermille)
}

// poolModel puts the window's numbers together. Until the text share is known, all
// tokens count as visual: that makes every raise look as dear as it can be.
func poolModel(s State, m Sample) model {
	k := model{known: s.TextShare > 0, text: s.TextShare, resident: s.ResidentPermille, steps: s.Steps, waits: m.Waiting > 0}
	size := k.size(s.ResidentPermille)
	k.demand = m.Hottest.Demand(s.peakIsOld(), size)
	k.full = k.demand / size
	if step, x, ok := m.Steps.mean(); ok {
		k.step, k.at = step, x
		_, k.unsure = s.Steps.difference([3]float64{0, 1, 0})
	}
	if m.ITL.Count >= minLatencies {
		k.itl = m.ITL.P95Seconds
	}
	k.busy = busyOf(m)
	k.queued = 1
	if grown := m.Waiting - s.WaitingBefore; m.Finished > 0 && grown > 0 {
		k.queued = min(1+grown/m.Finished, maxGrowth)
	}
	return k
}

// busyOf tells prefill and decoding apart. Prefills that overlap count more than once, so their share ends where decoding begins.
func busyOf(m Sample) occupancy {
	if m.PodSeconds <= 0 || m.Steps.Seconds <= 0 || m.PrefillSeconds <= 0 {
		return occupancy{}
	}
	decode := min(m.Steps.Seconds/m.PodSeconds, 1)
	return occupancy{known: true, decode: decode, prefill: min(m.PrefillSeconds/m.PodSeconds, 1-decode)}
}

// size is e(r): a request's KV relative to the full cache. It is never below 0.001, since r >= 1.
func (k model) size(permille float64) float64 {
	return k.text + permille/1000*(1-k.text)
}

// stepChange is by how many seconds the mean step changes if all requests in the pool had another retention, at the same batch, and one
// standard deviation of that.
func (k model) stepChange(permille int32) (seconds, deviation float64) {
	if !k.canPredictSteps() {
		return 0, 0
	}
	tokens := k.at[1] * (k.size(float64(permille))/k.size(k.resident) - 1)
	return k.steps.Theta[1] * tokens, k.unsure * math.Abs(tokens)
}

func (k model) canPredictSteps() bool { return k.step > 0 && k.steps.isKnown() }

// crowd is how many more sequences run at another retention: where nobody waits, requests that step faster are fewer at a time
// (Little's law). With a step of a + (b*tokens + c) * batch seconds and a batch in proportion to the step, that is a/(a - change).
//
// Worked example: a = 12 ms; a retention that saves 4 ms at the same batch ends in 12/(12+4) = 0.75 of the sequences.
func (k model) crowd(permille int32) float64 {
	if k.waits || !k.canPredictSteps() {
		return 1
	}
	change, _ := k.stepChange(permille)
	base := max(k.steps.Theta[0], leastBase*k.step)
	return clamp(base/max(base-change, base/maxCrowd), 1/maxCrowd, maxCrowd)
}

const (
	leastBase = 0.5 // of the step: a smaller base is not believed, its law would explode
	maxCrowd  = 2.0
)

// predicted is p(r).
func (k model) predicted(permille int32) float64 { return k.predictedOf(k.full, permille) }

func (k model) predictedOf(full float64, permille int32) float64 {
	return full * k.size(float64(permille)) * k.crowd(permille)
}

// itlAt is the p95 of the inter-token latency at a retention: what is measured now, moved by the step's change. A p95 above the mean step
// moves with it, at most twice as far.
func (k model) itlAt(permille int32) (seconds, deviation float64) {
	if k.itl <= 0 || !k.canPredictSteps() {
		return k.itl, 0
	}
	change, deviation := k.stepChange(permille)
	if !k.waits {
		change = k.step * (k.crowd(permille) - 1)
	}
	part := clamp(k.itl/k.step, 1, 2)
	return max(k.itl+part*change, 0), part * deviation
}

// largestWithin is r*(limit) for a load that needs full of the pool at full retention,
// between 0 (compression cannot help) and 1000.
func (k model) largestWithin(limit, full float64) int32 {
	return largest(func(permille int32) bool { return k.predictedOf(full, permille) <= limit })
}

// largest is the largest permille that is good, where smaller ones are good too; 0 when none is.
func largest(good func(int32) bool) int32 {
	low, high := int32(0), int32(1000)
	for low < high {
		if middle := (low + high + 1) / 2; good(middle) {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low
}
