package tuner

import (
	"fmt"
	"math"
)

const (
	minCompared = 20  // requests; fewer say nothing about agreement
	maxCompared = 500 // older evidence fades beyond so many, as pictures and questions change
	// sureness is the one-sided 95 % quantile of the normal distribution.
	sureness = 1.645
	// agreementBackoffSeconds is how long a first guard stands before lower values are tried again; each further failure
	// doubles it, up to maxBackoff times.
	agreementBackoffSeconds = 600
	maxBackoff              = 16
	// decaySecondsAPermille is how slowly it gives way then: 10 permille a minute, a tenth of the range in ten.
	decaySecondsAPermille = 6
)

// compared is s with the window's comparisons and the agreement guard. Unlike recall, agreement is only known at the value in force,
// and late: the guard rises where the evidence is sure, and gives way after a time, slowly.
func (s State) compared(t Target, m Sample) State {
	if t.MinAgreementPermille == 0 {
		s.AgreementGuardPermille, s.BackoffSeconds, s.Backoff = 0, 0, 0
	}
	// Requests that were admitted at another value would count for the wrong one.
	if s.Settled && s.SettledSeconds > 0 {
		s = s.withEvidence(m.Agreement)
	}
	if t.MinAgreementPermille == 0 {
		return s
	}
	s = s.givingWay(t, m.elapsed())
	if needed := s.neededForAgreement(t, m); s.agreementIsBroken(t) && (needed > s.AgreementGuardPermille || s.BackoffSeconds == 0) {
		s.AgreementGuardPermille = max(needed, s.AgreementGuardPermille)
		s.Backoff = clamp(2*s.Backoff, 1, maxBackoff)
		s.BackoffSeconds = s.Backoff * agreementBackoffSeconds
	}
	if s.agreementIsBroken(t) {
		s.FailedPermille = max(s.FailedPermille, s.TargetPermille)
	}
	return s
}

// withEvidence adds the window's comparisons to those under the same value.
func (s State) withEvidence(window Mean) State {
	if !(window.Count > 0) {
		return s
	}
	before := min(s.ComparedRequests, maxCompared)
	s.AgreedShare = (s.AgreedShare*before + min(window.Value, 1)*window.Count) / (before + window.Count)
	s.ComparedRequests = min(before+window.Count, maxCompared)
	return s
}

func (s State) withoutEvidence() State {
	s.AgreedShare, s.ComparedRequests = 0, 0
	return s
}

// givingWay lowers a guard whose time is over; one that bounds nothing any more is forgotten, with its failures.
func (s State) givingWay(t Target, seconds float64) State {
	if s.BackoffSeconds = max(0, s.BackoffSeconds-seconds); s.BackoffSeconds > 0 || s.AgreementGuardPermille == 0 {
		return s
	}
	if s.AgreementGuardPermille -= int32(math.Ceil(min(seconds, 3600) / decaySecondsAPermille)); s.AgreementGuardPermille <= t.FloorPermille {
		s.AgreementGuardPermille, s.Backoff = 0, 0
	}
	return s
}

// agreementIsBroken reports whether the agreement is below what is asked, and not by chance: the upper end of its interval is.
func (s State) agreementIsBroken(t Target) bool {
	return t.MinAgreementPermille > 0 && s.ComparedRequests >= minCompared &&
		highest(s.AgreedShare, s.ComparedRequests) < float64(t.MinAgreementPermille)/1000
}

// highest is the upper end of Wilson's one-sided 95 % interval of a mean share over n requests. The tokens of one answer err together,
// so requests are counted, not tokens; a share per request varies at most as a coin does, so the interval is no narrower than the truth.
//
// Worked example: 0.9 over 40 requests. z*z = 2.706; (0.9 + 2.706/80 + 1.645*sqrt(0.9*0.1/40 + 2.706/6400)) / (1 + 2.706/40) =
// (0.9 + 0.0338 + 0.0850) / 1.0677 = 0.954: with 97 % asked, 90 % are too few.
func highest(share, n float64) float64 {
	z2 := sureness * sureness
	return (share + z2/(2*n) + sureness*math.Sqrt(share*(1-share)/n+z2/(4*n*n))) / (1 + z2/n)
}

// neededForAgreement is the retention from which agreement is expected to hold. It takes the disagreement as proportional to the
// recall that is missing, and the recall from the window's curve; without a curve it goes up one step. A value that a trial or its time in
// force has proven is enough, where there is one above.
//
// Worked example: 94 % agree where recall is 0.80, 97 % are asked. Half of the disagreement may stay, so half of the missing recall:
// 1 - 0.20 * 0.03/0.06 = 0.90, which the curve has from 350 permille on.
func (s State) neededForAgreement(t Target, m Sample) int32 {
	now := s.TargetPermille
	allowed, found := 1-float64(t.MinAgreementPermille)/1000, 1-s.AgreedShare
	needed := now + t.MaxStepPermille
	if recall, ok := recallAt(m.Recall, now); ok && found > 0 {
		if r, ok := smallestGood(m.Recall, 1-(1-recall)*min(allowed/found, 1)); ok {
			needed = r
		}
	}
	needed = max(needed, now+t.smallStep())
	if proven, ok := smallestGood(m.Recall, s.CalibratedRecall); t.tries() && s.CalibratedRecall > 0 && ok && proven >= now+guardBandPermille {
		needed = min(needed, proven) // that is known, not reckoned
	}
	return clamp(max(needed, now+guardBandPermille), 1, 1000)
}

// Agreement is the evidence at the value in force; none while it is too little to say anything.
func (s State) Agreement() Mean {
	if s.ComparedRequests < minCompared {
		return Mean{}
	}
	return Mean{Value: s.AgreedShare, Count: s.ComparedRequests}
}

// agreementText is the evidence in words.
func (s State) agreementText() string {
	return fmt.Sprintf("%s of the next tokens of %.0f compared requests agree with the whole cache", share(s.AgreedShare), s.ComparedRequests)
}
