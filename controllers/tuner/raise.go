package tuner

import "fmt"

const (
	// probeFactor: a raise is on trial for so many stabilisation times, and for two
	// memories of the peak gauge at least.
	probeFactor = 4
	// sameLoad: users who offer at most so much more than at the raise are the same load.
	sameLoad = 1.25
	// easedLoad: a load that fell below so much of the one that a raise failed under is another load.
	easedLoad = 0.8
	// maxCaution bounds what one failed raise can teach.
	maxCaution = 2.0
)

// holdWithoutHeadroom ends the calm whenever an objective is near or somebody waits.
func holdWithoutHeadroom(in *input) (verdict, bool) {
	t, k, m := in.target, in.model, in.sample
	now := percent(in.state.TargetPermille)
	breach := in.breach()
	var v verdict
	switch {
	case breach.known:
		v = in.hold(ReasonLatencyBreach, "holding %s: %s, and KV demand is only %s of the pool", now, breach.message, share(k.demand))
	case in.queues():
		v = in.hold(ReasonQueueing, "holding %s: %.0f requests wait, %.0f were preempted, though KV demand is only %s of the pool",
			now, m.Waiting, m.Preemptions, share(k.demand))
	case k.demand > t.aim():
		v = in.hold(ReasonInBand, "holding %s: KV demand %s of the pool is between %s and the objective %s",
			now, share(k.demand), share(t.aim()), share(t.high()))
	default:
		return verdict{}, false
	}
	in.state = in.state.withoutCalm()
	return v, true
}

// queues reports whether requests wait for more than their turn: for room, or so many that they cannot all be prefilled soon. A few that
// wait for the prefill before them are the rule, and say nothing while the time to first token keeps its objective.
func (in *input) queues() bool {
	m := in.sample
	return m.Preemptions > 0 || m.Hottest.Blocked || m.Waiting > manyWaiting*m.Running
}

// manyWaiting is the share of those that run.
const manyWaiting = 0.25

// raiseWithHeadroom is rule 6: after the stabilisation time of calm, half a step up, if
// the highest load of that time would still fit.
func raiseWithHeadroom(in *input) (verdict, bool) {
	t, s, now := in.target, &in.state, in.state.TargetPermille
	*s = s.calmer(in.sample.elapsed(), in.model.full, t.StabilizationSeconds)
	if s.Probing && s.SinceChangeSeconds >= max(probeFactor*t.StabilizationSeconds, 2*peakMemorySeconds) {
		s.Probing = false
	}
	if s.CalmSeconds >= t.StabilizationSeconds {
		s.LastGoodPermille = now
	}
	in.forgetCaution()
	switch {
	case now >= t.MaxPermille:
		return in.hold(ReasonAtMax, "holding %s, the highest value allowed: KV demand is %s of the pool", percent(now), share(in.model.demand)), true
	case s.CalmSeconds < t.StabilizationSeconds:
		return in.hold(ReasonStabilizing, "holding %s: KV demand is %s of the pool, calm for %.0f of %.0f s",
			percent(now), share(in.model.demand), s.CalmSeconds, t.StabilizationSeconds), true
	}
	return in.raise(), true
}

func (in *input) raise() verdict {
	t, s, now := in.target, &in.state, in.state.TargetPermille
	if s.Reverted.HoldSeconds > 0 {
		return in.hold(ReasonReverted, "holding %s: three of the last five changes had to be taken back, nothing is raised for another %.0f min",
			percent(now), s.Reverted.HoldSeconds/60)
	}
	goal, bound := in.raiseGoal()
	to := min(goal, now+t.smallStep()<<min(s.GoodRaises, maxDoublings))
	if to < now+max(minChangePermille, t.smallStep()/4) && to < t.MaxPermille || to <= now {
		return in.hold(ReasonInBand, "holding %s: %s", percent(now), bound)
	}
	predicted := in.model.predictedOf(s.calmLoad(), to)
	if s.Caution > 1 && predicted*s.Caution > t.aim() {
		return in.hold(ReasonRaiseFailedSoFar, "holding %s: a raise under this load failed, and %s would need %s of the pool",
			percent(now), percent(to), share(predicted*s.Caution))
	}
	s.Probing, s.ProbePredicted, s.ProbeLoad, s.ProbeRate = true, predicted, s.calmLoad(), in.sample.prefillRate()
	s.GoodRaises = min(s.GoodRaises+1, maxDoublings)
	return verdict{to, ReasonHeadroom, fmt.Sprintf("retention goes from %s to %s: KV demand was at most %s of the pool for %.0f s, %s are predicted",
		percent(now), percent(to), share(in.model.predictedOf(s.calmLoad(), now)), s.CalmSeconds, share(predicted))}
}

// maxDoublings: each raise in a row that holds doubles the next one, up to eight small steps.
const maxDoublings = 3

// raiseGoal is the largest retention that every objective leaves room for, and which of them bounds it. A latency must be predicted to
// hold with its noise: low confidence keeps the value where it is.
func (in *input) raiseGoal() (goal int32, bound string) {
	t, s, k, now := in.target, in.state, in.model, in.state.TargetPermille
	goal = k.largestWithin(t.aim(), s.calmLoad())
	bound = fmt.Sprintf("KV demand was up to %s of the pool, more would bring it over %s", share(k.predictedOf(s.calmLoad(), now)), share(t.aim()))
	if r := k.largestWithin(t.high(), s.Usual.high()); s.Usual.isKnown() && r < goal {
		goal, bound = r, fmt.Sprintf("this load needs up to %s of a pool at full retention now and then", share(s.Usual.high()))
	}
	if t.ITLP95Seconds > 0 && k.itl > 0 && k.canPredictSteps() {
		if r := in.largestWithinITL(sureDeviations); r < goal {
			itl, deviation := k.itlAt(min(now+minChangePermille, 1000))
			goal, bound = r, fmt.Sprintf("p95 inter-token latency is %s, %s +- %s are predicted for more", milliseconds(k.itl), milliseconds(itl), milliseconds(deviation))
		}
	}
	if s.BrokenPermille > 0 && s.BrokenPermille-minChangePermille < goal {
		goal, bound = s.BrokenPermille-minChangePermille, fmt.Sprintf("a latency objective broke at %s under this load", percent(s.BrokenPermille))
	}
	return min(goal, t.MaxPermille), bound
}

// noteFailedRaise remembers by how much the model was wrong about a raise that now has to
// be taken back. Without this a constant load could swing the value for ever. The raise is
// not to blame if the users brought the load, or if it was predicted to need less than half
// of what is allowed.
func (in *input) noteFailedRaise() {
	s := &in.state
	s.GoodRaises = 0
	if !s.Probing {
		return
	}
	s.Probing = false
	if in.sample.prefillRate() > sameLoad*s.ProbeRate || s.ProbePredicted < in.target.high()/2 {
		return
	}
	s.Reverted = s.Reverted.takenBack()
	s.Caution = max(s.Caution, clamp(in.model.demand/s.ProbePredicted, 1, maxCaution))
	s.CautionLoad = s.ProbeLoad
}

// brokenAt is s with the value at which a latency objective broke: nothing is raised to it again under such a load.
func (s State) brokenAt(permille int32, rate float64) State {
	if s.BrokenPermille == 0 || permille < s.BrokenPermille {
		s.BrokenPermille = permille
	}
	s.BrokenRate, s.BrokenSeconds = rate, brokenSeconds
	return s
}

// brokenSeconds is how long it counts, if the load stays.
const brokenSeconds = 1800

// mended forgets a broken value when the load fell or its time is over.
func (s State) mended(m Sample) State {
	if s.BrokenSeconds = max(s.BrokenSeconds-m.elapsed(), 0); s.BrokenSeconds == 0 || s.CalmSeconds > 0 && m.prefillRate() < easedLoad*s.BrokenRate {
		s.BrokenPermille, s.BrokenRate, s.BrokenSeconds = 0, 0, 0
	}
	return s
}

// forgetCaution lets the load that fell try again.
func (in *input) forgetCaution() {
	s := &in.state
	if s.CalmSeconds >= in.target.StabilizationSeconds && s.calmLoad() < easedLoad*s.CautionLoad {
		s.Caution, s.CautionLoad = 0, 0
	}
}
