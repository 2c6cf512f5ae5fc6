package tuner

import "math"

const (
	minRecallRequests  = 4 // fewer in a window say nothing about the curve
	guardDecayPermille = 2 // how far the guard falls in one window: below what the noise of windows makes it jump
)

// guarded is s with the quality guard of this window: it rises at once and falls
// slowly, so that a noisy curve does not move the value up and down.
func (s State) guarded(t Target, m Sample) State {
	if t.MinRecallPermille == 0 {
		s.GuardPermille = 0
		return s
	}
	needed, ok := smallestGood(m.Recall, float64(t.MinRecallPermille)/1000)
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
	for _, p := range append(curve[:len(curve):len(curve)], RecallPoint{1000, Mean{1, minRecallRequests}}) {
		if p.Count < minRecallRequests || p.RetentionPermille <= last.RetentionPermille || p.RetentionPermille > 1000 {
			continue
		}
		if p.RetentionPermille == 1000 && last.RetentionPermille == 0 {
			return 0, false // nothing was measured
		}
		if p.Value >= minRecall {
			between := float64(p.RetentionPermille - last.RetentionPermille)
			share := 1.0
			if p.Value > last.Value {
				share = clamp((minRecall-last.Value)/(p.Value-last.Value), 0, 1)
			}
			return clamp(last.RetentionPermille+int32(math.Ceil(share*between-1e-9)), 1, 1000), true
		}
		last = p
	}
	return 1000, true
}
