package tuner

import "math"

// model is the KV demand model of doc.go with its numbers for one window.
type model struct {
	known  bool    // the text share has been measured
	text   float64 // x
	demand float64 // of the hottest pod, a share of its pool
	full   float64 // F
}

// shareSmoothing is the weight of a new window's text share: a change of picture
// sizes is followed to 90 % in 7 windows, (1-0.3)^7 = 0.08.
const shareSmoothing = 0.3

// learned is s with the window's text share and the retention of the requests that
// now fill the pool.
func (s State) learned(m Sample) State {
	text := m.TextTokens + m.GeneratedTokens
	// A window in which only answers grew says nothing about the next prompts.
	if prompts := m.TextTokens + m.VisualSeen; prompts > 0 && m.Finished > 0 && m.WindowSeconds > 0 {
		all := text + m.VisualSeen
		x := text / all
		if s.TextShare > 0 {
			x = s.TextShare + shareSmoothing*(x-s.TextShare)
		}
		s.TextShare = clamp(x, 0.001, 1)
	}
	s.ResidentPermille = residentPermille(s, m)
	return s.settling(m)
}

// settling notes since when the pool's requests have the target: from the end of the
// window in which the resident retention came near to it.
func (s State) settling(m Sample) State {
	was, target := s.Settled, float64(s.TargetPermille)
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
	target := float64(s.TargetPermille)
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

// demandModel puts the window's numbers together. Until the text share is known, all
// tokens count as visual: that makes every raise look as dear as it can be.
func demandModel(s State, m Sample) model {
	k := model{known: s.TextShare > 0, text: s.TextShare}
	size := k.size(s.ResidentPermille)
	k.demand = m.Hottest.Demand(s.peakIsOld(), size)
	k.full = k.demand / size
	return k
}

// size is e(r): a request's KV relative to the full cache. It is never below 0.001, since r >= 1.
func (k model) size(permille float64) float64 {
	return k.text + permille/1000*(1-k.text)
}

// predicted is p(r).
func (k model) predicted(permille int32) float64 { return k.full * k.size(float64(permille)) }

// largestWithin is r*(limit) for a load that needs full of the pool at full retention,
// between 0 (compression cannot help) and 1000.
func (k model) largestWithin(limit, full float64) int32 {
	if full <= limit {
		return 1000
	}
	visual := 1 - k.text
	if visual <= 0 {
		return 0
	}
	return int32(clamp(1000*(limit/full-k.text)/visual, 0, 1000))
}
