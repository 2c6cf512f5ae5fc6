package tuner

import (
	"fmt"
	"math"
)

// A value that nothing has proven is tried on a share of each pod's requests before all get it. What the spec's own recall objective
// calls good needs no proof, nor does a value at which agreement was sure to hold.
//
// The pods compare every request on trial, and a sample of the others, with the whole cache at both values and at the same words: a pair
// is one request, so neither its picture nor the share of the arms tells for a value. (compared, not served: nobody but the requests on
// trial pays for it. Serving them tells what reading along cannot: how long answers become, and what they cost.)
//
// The trial ends, after each window, with the first of these that is so (n requests compared at the candidate, of whose next tokens a
// share a agrees; w of the pairs worse than the stable value, b better):
//
//	dropped    n >= 20 and the upper end of Wilson's one-sided 95 % interval of a is below the objective, or
//	           a is below it, w+b >= 6 and the sign test says worse: (w-b)/sqrt(w+b) > 2.33 (99 %, as it is asked after each window)
//	promoted   n >= 20, the lower end of that interval is at or above the objective, and the sign test does not say worse with a below it
//	ended      the spec, the bounds or the value in force left no room for it; nothing could be seen for five minutes; or an hour has
//	           not decided it
//
// Worked example: 97 % are asked. All tokens of n requests agree: the lower end is n/(n+2.706), 0.97 at n = 88. A value whose 6 first
// pairs are all worse, with 92 % agreeing: 6/sqrt(6) = 2.45, dropped.

// Canary is a value on trial, and what is known of it.
type Canary struct {
	CandidatePermille int32 // 0: none
	SharePermille     int32 // of the requests that get it
	Seconds           float64
	BlindSeconds      float64 // without metrics
	Compared, Agreed  float64 // requests, and the share of their next tokens
	Worse, Better     float64 // pairs
	PauseSeconds      float64 // left until another value is tried; without a trial
}

const (
	// candidateStep: the candidate may miss so much more of the recall than what is proven misses. A canary can afford a bolder step
	// than a value that all get (calibration.go).
	candidateStep = 1.25
	// leastStep is how far below the proven value a candidate has to be to be worth a trial.
	leastStep = guardBandPermille
	// minPairs that differ, and how many deviations of a fair coin's they must lie to one side: one in a hundred does by chance.
	minPairs  = 6
	surePairs = 2.33
	// maxCanarySeconds without a result end a trial; maxBlindSeconds without metrics too: nobody watches it.
	maxCanarySeconds = 3600
	maxBlindSeconds  = 300
	// canaryPause is how long nothing is tried after a trial that proved nothing; after a candidate that failed the agreement guard
	// stands, for as long as its own back-off.
	canaryPause = 600
)

// tries reports whether unproven values are tried on a share of the requests first: agreement is the judge, so it must be asked for.
func (t Target) tries() bool {
	return t.Mode == Auto && t.CanaryPermille > 0 && t.MinAgreementPermille > 0 && t.OnViolation != HoldRetention
}

func canaryOf(a Applied) Canary {
	a = a.sound()
	return Canary{CandidatePermille: a.CandidatePermille, SharePermille: a.CanaryPermille}
}

// sound is a without a trial that makes no sense.
func (a Applied) sound() Applied {
	if a.CandidatePermille < 1 || a.CandidatePermille >= a.TargetPermille || a.CanaryPermille < 1 || a.CanaryPermille > 1000 {
		a.CandidatePermille, a.CanaryPermille = 0, 0
	}
	return a
}

func (c Canary) isOn() bool { return c.CandidatePermille > 0 }

func (c Canary) isSound() bool {
	for _, n := range [...]float64{c.Seconds, c.BlindSeconds, c.Compared, c.Agreed, c.Worse, c.Better, c.PauseSeconds} {
		if !(n >= 0) || n > maxNumber {
			return false
		}
	}
	return c.Agreed <= 1 && c.CandidatePermille >= 0 && c.CandidatePermille <= 1000 && c.SharePermille >= 0 && c.SharePermille <= 1000
}

// meanPermille is the retention that the requests get in the mean.
func (s State) meanPermille() float64 {
	target, share := float64(s.TargetPermille), float64(s.Canary.SharePermille)/1000
	if !s.Canary.isOn() {
		return target
	}
	return target + share*(float64(s.Canary.CandidatePermille)-target)
}

// outcome is how a trial ended, or that one starts.
type outcome struct {
	reason   Reason
	from, to int32
	message  string
}

// watched is s with the window's evidence on the trial, and the outcome if there is one.
func (s State) watched(t Target, m Sample, usable bool) (State, *outcome) {
	c := s.Canary
	if !c.isOn() {
		s.Canary.PauseSeconds = max(c.PauseSeconds-m.elapsed(), 0)
		return s, nil
	}
	c.Seconds = min(c.Seconds+m.elapsed(), maxSeconds)
	if c.BlindSeconds = c.BlindSeconds + m.elapsed(); usable {
		c = c.with(m.Canary)
		c.BlindSeconds = 0
	}
	s.Canary = c
	objective := float64(t.MinAgreementPermille) / 1000
	switch {
	case !t.tries():
		return s.ended(0, "the spec asks for no trial any more")
	case c.CandidatePermille < t.FloorPermille || c.CandidatePermille > clamp(s.TargetPermille, t.FloorPermille, t.MaxPermille)-minChangePermille:
		return s.ended(0, "the value that all others get left no room above it")
	case c.BlindSeconds >= maxBlindSeconds:
		return s.ended(canaryPause, fmt.Sprintf("nothing could be seen of it for %.0f s", c.BlindSeconds))
	case !usable:
		return s, nil
	case c.isBroken(objective):
		return s.dropped(t, m)
	case c.Compared >= minCompared && lowest(c.Agreed, c.Compared) >= objective:
		return s.promoted(t, m)
	case c.Seconds >= maxCanarySeconds:
		return s.ended(canaryPause, fmt.Sprintf("%.0f min have not shown whether it is good enough: %s", c.Seconds/60, c.evidence()))
	}
	return s, nil
}

// with adds a window's evidence.
func (c Canary) with(m CanarySample) Canary {
	if n := m.Agreement.Count; n > 0 {
		c.Agreed = clamp((c.Agreed*c.Compared+min(m.Agreement.Value, 1)*n)/(c.Compared+n), 0, 1)
		c.Compared = min(c.Compared+n, maxNumber)
	}
	c.Worse, c.Better = min(c.Worse+m.Worse, maxNumber), min(c.Better+m.Better, maxNumber)
	return c
}

func (c Canary) isBroken(objective float64) bool {
	if c.Compared >= minCompared && highest(c.Agreed, c.Compared) < objective {
		return true
	}
	differ := c.Worse + c.Better
	return c.Compared > 0 && c.Agreed < objective && differ >= minPairs && c.Worse-c.Better > surePairs*math.Sqrt(differ)
}

func (c Canary) evidence() string {
	return fmt.Sprintf("%s of the next tokens of %.0f compared requests agree with the whole cache; beside the value of the others %.0f were worse and %.0f better",
		share(c.Agreed), c.Compared, c.Worse, c.Better)
}

func (s State) over(pause float64, o outcome) (State, *outcome) {
	o.from, o.to = s.Canary.CandidatePermille, s.TargetPermille
	s.Canary = Canary{PauseSeconds: pause}
	s.Settled = false // the requests of the trial are still there
	return s.reordered(), &o
}

func (s State) ended(pause float64, why string) (State, *outcome) {
	return s.over(pause, outcome{reason: ReasonCanaryEnded, message: fmt.Sprintf("the trial of %s is over: %s", percent(s.Canary.CandidatePermille), why)})
}

// dropped raises the agreement guard over the candidate: no lower than where its own evidence says that agreement holds, and not above the
// value in force, which nothing was said against.
func (s State) dropped(t Target, m Sample) (State, *outcome) {
	c := s.Canary
	asIf := s
	asIf.TargetPermille, asIf.AgreedShare = c.CandidatePermille, c.Agreed
	guard := clamp(asIf.neededForAgreement(t, m), 1, s.TargetPermille)
	s.AgreementGuardPermille, s.FailedPermille = max(s.AgreementGuardPermille, guard), max(s.FailedPermille, c.CandidatePermille)
	s.Backoff = clamp(2*s.Backoff, 1, maxBackoff)
	s.BackoffSeconds = s.Backoff * agreementBackoffSeconds
	return s.over(0, outcome{reason: ReasonCanaryDropped, message: fmt.Sprintf("%s is dropped, nothing below %s is tried for %.0f min: %s",
		percent(c.CandidatePermille), percent(guard), s.BackoffSeconds/60, c.evidence())})
}

// promoted lets all have the candidate: the bounds go down to it at once, the value when something asks for it.
func (s State) promoted(t Target, m Sample) (State, *outcome) {
	c := s.Canary
	if recall, ok := recallAt(m.Recall, c.CandidatePermille); ok && (s.CalibratedRecall == 0 || recall < s.CalibratedRecall) {
		s.CalibratedRecall = max(recall, leastRecall)
	}
	s.GuardPermille = min(s.GuardPermille, c.CandidatePermille)
	s.ProvenPermille = c.CandidatePermille
	s.AgreementGuardPermille = min(s.AgreementGuardPermille, c.CandidatePermille)
	if c.CandidatePermille <= s.FailedPermille {
		s.FailedPermille = 0
	}
	return s.over(0, outcome{reason: ReasonCanaryPromoted, message: fmt.Sprintf("%s is proven, all may have it: %s", percent(c.CandidatePermille), c.evidence())})
}

// proven is s with the smallest retention that agreement has proven, for pools without a recall guard: it follows the pictures as that
// guard would.
func (s State) proven(t Target, m Sample) State {
	if !t.tries() || t.MinRecallPermille > 0 || s.CalibratedRecall == 0 {
		s.ProvenPermille = 0
		return s
	}
	if needed, ok := smallestGood(m.Recall, s.CalibratedRecall); ok {
		s.ProvenPermille = max(needed, s.ProvenPermille-guardDecayPermille)
	}
	return s
}

// trusted is the lowest retention that all may get without a trial.
func (in *input) trusted() int32 {
	t, s := in.target, in.state
	if !t.tries() {
		return in.lower
	}
	bound := s.TargetPermille // nothing is proven
	if t.MinRecallPermille > 0 {
		bound = s.GuardPermille
	} else if s.ProvenPermille > 0 {
		bound = min(s.ProvenPermille, s.TargetPermille)
	}
	return clamp(max(bound, in.failed()), in.lower, t.MaxPermille)
}

// failed is the lowest retention that is above one which failed: below it even acute pressure brings nobody without a trial.
func (in *input) failed() int32 {
	if s := in.state; in.target.tries() && s.FailedPermille > 0 {
		return min(s.FailedPermille+leastStep, s.TargetPermille)
	}
	return 0
}

// isAcute reports whether requests wait for room now: a trial would be too slow for them.
func (in *input) isAcute() bool {
	return in.model.demand >= 1 || in.sample.Hottest.Blocked || in.sample.Hottest.Waiting > manyWaiting*in.sample.Hottest.Running
}

// mustTry reports whether a cut to this value has to wait for a trial.
func (in *input) mustTry(to int32) bool {
	return in.target.tries() && to < in.trusted()-leastStep && !in.isAcute() && in.state.Canary.PauseSeconds == 0
}

// candidate is the value that is worth a trial now, 0 if none is: a load somewhat above the usual one would ask for less than what is
// proven. The trial goes ahead of the need, and no lower than it.
func (in *input) candidate(ended bool) int32 {
	t, s, k := in.target, in.state, in.model
	if ended || !t.tries() || s.Canary.isOn() || s.Canary.PauseSeconds > 0 || s.Reverted.HoldSeconds > 0 || !in.sampleUsable() || !k.known || s.agreementIsBroken(t) {
		return 0
	}
	trusted, need := in.trusted(), in.needAhead()
	recall, ok := recallAt(in.sample.Recall, trusted)
	if !ok || need > trusted-leastStep {
		return 0
	}
	to, ok := smallestGood(in.sample.Recall, max(1-max(candidateStep*(1-recall), firstMissing), leastRecall))
	to = max(to, need, t.FloorPermille, s.AgreementGuardPermille, trusted-t.MaxStepPermille)
	if !ok || to > trusted-leastStep {
		return 0
	}
	return to
}

// needAhead is the retention that a load of loadAhead times the usual one would ask for; until that is known, the present one.
func (in *input) needAhead() int32 {
	full := in.model.full
	if u := in.state.Usual; u.isKnown() {
		full = u.high()
	}
	return in.model.largestWithin(in.target.high(), loadAhead*full)
}

const (
	loadAhead = 1.25
	// firstMissing is the recall that a first candidate may miss where everything is kept and no recall objective says more.
	firstMissing = 0.2
)

// started puts a value on trial.
func (s State) started(t Target, candidate int32) (State, *outcome) {
	s.Canary = Canary{CandidatePermille: candidate, SharePermille: t.CanaryPermille}
	return s.reordered(), &outcome{ReasonCanaryStarted, s.TargetPermille, candidate, fmt.Sprintf("%s of the requests try %s, the others keep %s",
		percent(t.CanaryPermille), percent(candidate), percent(s.TargetPermille))}
}
