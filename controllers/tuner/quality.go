package tuner

import (
	"fmt"
	"math"
)

const (
	minRecallRequests  = 4 // fewer in a window say nothing about the curve
	guardDecayPermille = 2 // how far the guard falls in one window: below what the noise of windows makes it jump
)

// guarded is s with the recall guard of this window: it rises at once and falls
// slowly, so that a noisy curve does not move the value up and down.
func (s State) guarded(t Target, m Sample) State {
	if t.MinRecallPermille == 0 {
		s.GuardPermille = 0
		return s
	}
	needed, ok := smallestGood(m.Recall, s.minRecall(t))
	if !ok {
		return s
	}
	s.GuardPermille = max(needed, s.GuardPermille-guardDecayPermille)
	return s
}

// smallestGood is the smallest retention whose recall is at least minRecall, rounded
// up. Between two measured points the curve is taken as straight: recall is concave
// (the best tokens come first), so the true recall there is at least as high.
//
// Worked example: recall 0.80 at 200 permille and 0.90 at 350, 0.85 asked:
// 200 + (0.85-0.80)/(0.90-0.80) * 150 = 275.
func smallestGood(curve []RecallPoint, minRecall float64) (permille int32, ok bool) {
	last := RecallPoint{}
	for _, p := range append(curve[:len(curve):len(curve)], RecallPoint{1000, Mean{1, minRecallRequests}, 1}) {
		if p.Count < minRecallRequests || p.RetentionPermille <= last.RetentionPermille || p.RetentionPermille > 1000 {
			continue
		}
		if p.RetentionPermille == 1000 && last.RetentionPermille == 0 {
			return 0, false // nothing was measured
		}
		if p.quality() >= minRecall {
			between := float64(p.RetentionPermille - last.RetentionPermille)
			share := 1.0
			if p.quality() > last.quality() {
				share = clamp((minRecall-last.quality())/(p.quality()-last.quality()), 0, 1)
			}
			return clamp(last.RetentionPermille+int32(math.Ceil(share*between-1e-9)), 1, 1000), true
		}
		last = p
	}
	return 1000, true
}

// recallAt is the curve's recall at a retention, straight between two points, with nothing at 0 and everything at 1000.
//
// Worked example: recall 0.80 at 200 permille and 0.90 at 350: 0.85 at 275.
func recallAt(curve []RecallPoint, permille int32) (recall float64, ok bool) {
	last := RecallPoint{}
	for _, p := range append(curve[:len(curve):len(curve)], RecallPoint{1000, Mean{1, minRecallRequests}, 1}) {
		if p.Count < minRecallRequests || p.RetentionPermille <= last.RetentionPermille || p.RetentionPermille > 1000 {
			continue
		}
		if p.RetentionPermille == 1000 && last.RetentionPermille == 0 {
			return 0, false // nothing was measured
		}
		if permille <= p.RetentionPermille {
			part := float64(permille-last.RetentionPermille) / float64(p.RetentionPermille-last.RetentionPermille)
			return clamp(last.quality()+part*(min(p.quality(), 1)-last.quality()), 0, 1), true
		}
		last = p
	}
	return 1, true
}

// judgeQuality is the finding for the QualityHealthy condition.
func judgeQuality(in *input, metrics Finding) Finding {
	t, s := in.target, in.state
	now := s.TargetPermille
	switch {
	case t.MinRecallPermille == 0 && t.MinAgreementPermille == 0:
		return Finding{Reason: "GuardOff", Message: "no quality guard is set"}
	case !metrics.OK:
		return Finding{Reason: "Unknown", Message: metrics.Message}
	case s.agreementIsBroken(t):
		return Finding{Reason: "Violated", Message: fmt.Sprintf("%s, %s are asked", s.agreementText(), percent(t.MinAgreementPermille))}
	case s.GuardPermille >= now+guardBandPermille:
		return Finding{Reason: "Violated", Message: fmt.Sprintf("recall stays at or above %s only from %s on, the retention is %s",
			share(s.minRecall(t)), percent(s.GuardPermille), percent(now))}
	case now >= 1000:
		return Finding{OK: true, Reason: "Agreeing", Message: "nothing is evicted at 100%"}
	}
	switch enough := t.MinAgreementPermille > 0 && s.ComparedRequests >= minCompared; {
	case enough && s.AgreedShare < float64(t.MinAgreementPermille)/1000:
		return Finding{Reason: "InsufficientSamples", Message: fmt.Sprintf("%s, %s are asked: too few to be sure", s.agreementText(), percent(t.MinAgreementPermille))}
	case enough:
		return Finding{OK: true, Reason: "Agreeing", Message: fmt.Sprintf("%s, %s are asked", s.agreementText(), percent(t.MinAgreementPermille))}
	case s.GuardPermille > 0:
		return Finding{OK: true, Reason: "Agreeing", Message: fmt.Sprintf("recall stays at or above %s from %s on, the retention is %s",
			share(s.minRecall(t)), percent(s.GuardPermille), percent(now))}
	}
	return Finding{Reason: "InsufficientSamples", Message: fmt.Sprintf("%.0f requests were compared with the whole cache at %s, %d are needed, and no recall was measured",
		s.ComparedRequests, percent(now), minCompared)}
}
