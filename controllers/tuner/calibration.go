package tuner

import "math"

// Recall says how much of the scores stays, not how good the answers are: aircache-tiny has a recall of 0.32 at 10 % retention, where 98 %
// of its answers are right and 99.8 % of its next tokens are the whole cache's. Agreement says it, but only at the value in force. So
// agreement calibrates recall: where agreement is sure to hold, the recall there is enough, whatever minRecall says, and somewhat less is
// believed to be enough too.

const (
	// disagreementPower: disagreement grows at least so steeply with the recall that is missing. aircache-tiny: 0.2 % at 0.68 missing,
	// 3 % at 0.81, which is a power of 15; the steeper the law, the smaller the steps that it allows, so 4 is the bold end and the
	// evidence at each new value has to agree again. maxCalibration bounds one step.
	disagreementPower = 4
	maxCalibration    = 1.25
)

// calibrated is s with the recall that agreement is sure to hold at.
//
// Worked example: 99.5 % of the next tokens of 500 requests agree at a recall of 0.85, 97 % are asked. No more than 1.35 % disagree
// (Wilson, 95 %), 3 % may: (0.03/0.0135)^(1/4) = 1.22, so 1.22 * 0.15 = 0.183 may miss and a recall of 0.817 is enough.
func (s State) calibrated(t Target, m Sample) State {
	if t.MinAgreementPermille == 0 || s.ComparedRequests < minCompared {
		return s
	}
	recall, ok := recallAt(m.Recall, s.TargetPermille)
	if !ok || recall >= 1 {
		return s
	}
	allowed := 1 - float64(t.MinAgreementPermille)/1000
	found := 1 - lowest(s.AgreedShare, s.ComparedRequests)
	switch {
	case s.agreementIsBroken(t):
		// What was believed was wrong: the recall at the value that the guard asks for, at least.
		if needed, ok := recallAt(m.Recall, s.AgreementGuardPermille); ok {
			s.CalibratedRecall = max(s.CalibratedRecall, needed)
		}
	case found <= allowed:
		step := 1.
		if !t.tries() { // else a canary goes ahead
			step = clamp(math.Pow(allowed/found, 1./disagreementPower), 1, maxCalibration)
		}
		enough := max(1-step*(1-recall), leastRecall)
		if s.CalibratedRecall == 0 || enough < s.CalibratedRecall {
			s.CalibratedRecall = enough
		}
	}
	return s
}

// leastRecall ends the calibration: the curve has no points below it worth the name.
const leastRecall = 0.02

// minRecall is the recall that is asked, as far as agreement did not show that less is enough, or that it is too little.
func (s State) minRecall(t Target) float64 {
	asked := float64(t.MinRecallPermille) / 1000
	if t.MinAgreementPermille == 0 || s.CalibratedRecall == 0 {
		return asked
	}
	return min(asked, s.CalibratedRecall)
}

// lowest is the lower end of Wilson's one-sided 95 % interval, the other side of highest.
func lowest(share, n float64) float64 { return 1 - highest(1-share, n) }
