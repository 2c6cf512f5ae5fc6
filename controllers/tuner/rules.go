package tuner

import "fmt"

// keepFixedValue applies the declared value while the tuner is switched off.
func keepFixedValue(in *input) (verdict, bool) {
	if in.target.Mode != Fixed {
		return verdict{}, false
	}
	in.state.Probing = false
	in.state.WantPermille = in.target.StartPermille
	return verdict{in.target.StartPermille, ReasonFixed, "retention is fixed at " + percent(in.target.StartPermille)}, true
}

// followBounds brings a value back that an edit of the spec left outside. It needs no metrics.
func followBounds(in *input) (verdict, bool) {
	t, now := in.target, in.state.TargetPermille
	inside := clamp(now, t.FloorPermille, t.MaxPermille)
	if inside == now {
		return verdict{}, false
	}
	in.state.Probing = false
	return verdict{inside, ReasonBoundsChanged, fmt.Sprintf("retention goes from %s to %s: the spec allows %s to %s",
		percent(now), percent(inside), percent(t.FloorPermille), percent(t.MaxPermille))}, true
}

// holdWithoutMetrics is rule 2: what cannot be seen is not changed (fail static).
func holdWithoutMetrics(in *input) (verdict, bool) {
	metrics := judgeMetrics(in.target, in.sample)
	now := percent(in.state.TargetPermille)
	if !metrics.OK {
		in.state = in.state.withoutCalm()
		return in.hold(missingReason(in.target, in.sample), "holding %s: %s", now, metrics.Message), true
	}
	if in.sample.WindowSeconds <= 0 {
		return in.hold(ReasonWarmingUp, "holding %s: rates need a second scrape", now), true
	}
	return verdict{}, false
}

// guardBandPermille keeps a guard that moves with the noise of its windows from moving the
// value: the value rises when the guard is so far above it, and follows it down by no less.
const guardBandPermille = 20

// raiseToQualityFloor is rule 3: raise at once to the smallest retention that the recall
// curve calls good, or that agreement is believed to need; or what else the spec asks for.
func raiseToQualityFloor(in *input) (verdict, bool) {
	now := in.state.TargetPermille
	if !in.isGuarded() || now+guardBandPermille > in.lower {
		return verdict{}, false
	}
	if in.state.AgreementGuardPermille > in.state.GuardPermille {
		why := "agreement with the whole cache was too low before"
		if in.state.agreementIsBroken(in.target) {
			why = in.state.agreementText()
		}
		return in.violated(fmt.Sprintf("%s, %s are asked", why, percent(in.target.MinAgreementPermille))), true
	}
	where := "from there on"
	if in.target.OnViolation == HoldRetention || in.target.OnViolation == FullCache {
		where = "from " + percent(in.lower) + " on"
	}
	return in.violated(fmt.Sprintf("recall stays at or above %s only %s", share(in.state.minRecall(in.target)), where)), true
}

// isGuarded reports whether a quality guard is what bounds the value from below.
func (in *input) isGuarded() bool {
	return in.lower > in.target.FloorPermille && in.lower <= in.guard()
}
