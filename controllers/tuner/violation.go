package tuner

import "fmt"

// Violation is what is left of a broken quality guard where the spec asks for more than a raise.
type Violation struct {
	Seconds      float64 // left in which everything is kept
	Backoff      float64 // how often it was broken, as a power of 2
	QuietSeconds float64 // since
}

func (v Violation) isSound() bool {
	return v.Seconds >= 0 && v.Seconds <= maxNumber && v.Backoff >= 0 && v.Backoff <= maxBackoff && v.QuietSeconds >= 0 && v.QuietSeconds <= maxNumber
}

// later is v after some time: a violation is forgotten when as long as the longest back-off has passed without another.
func (v Violation) later(t Target, seconds float64) Violation {
	if t.OnViolation != FullCache || v.Backoff == 0 {
		return Violation{}
	}
	if v.Seconds > 0 {
		v.Seconds = max(v.Seconds-seconds, 0)
		return v
	}
	if v.QuietSeconds += seconds; v.QuietSeconds >= maxBackoff*agreementBackoffSeconds {
		return Violation{}
	}
	return v
}

// again is v with another violation: everything is kept for ten minutes, then for twenty, up to sixteen times ten.
func (v Violation) again() Violation {
	backoff := clamp(2*v.Backoff, 1, maxBackoff)
	return Violation{Seconds: backoff * agreementBackoffSeconds, Backoff: backoff}
}

// keepEverything is what quality.onViolation FullCache asks for after a guard was broken.
func keepEverything(in *input) (verdict, bool) {
	v, now, most := in.state.Violation, in.state.TargetPermille, in.target.MaxPermille
	if v.Seconds == 0 {
		return verdict{}, false
	}
	in.state.Probing = false
	in.state = in.state.withoutCalm()
	if now < most {
		return verdict{most, ReasonFullCache, fmt.Sprintf("retention goes from %s to %s: a quality guard was broken", percent(now), percent(most))}, true
	}
	return in.hold(ReasonFullCache, "keeping %s for another %.0f min: a quality guard was broken; KV demand is %s of the pool",
		percent(now), v.Seconds/60, share(in.model.demand)), true
}

// violated is what follows on a broken guard: why says which.
func (in *input) violated(why string) verdict {
	now := in.state.TargetPermille
	in.state.Probing = false
	switch in.target.OnViolation {
	case HoldRetention:
		in.state = in.state.withoutCalm()
		return in.hold(ReasonQualityViolated, "holding %s, as the spec asks where a quality guard is broken: %s", percent(now), why)
	case FullCache:
		in.state.Violation = in.state.Violation.again()
		return verdict{in.target.MaxPermille, ReasonQualityFloor, fmt.Sprintf("retention goes from %s to %s for %.0f min: %s",
			percent(now), percent(in.target.MaxPermille), in.state.Violation.Seconds/60, why)}
	}
	return verdict{in.lower, ReasonQualityFloor, fmt.Sprintf("retention goes from %s to %s: %s", percent(now), percent(in.lower), why)}
}
