package tuner

import "fmt"

const (
	// aimOfHigh is where a cut wants to end, below the objective that started it: 10 % of
	// room absorbs the noise of the next windows.
	aimOfHigh = 0.9
	// minChangePermille is the smallest change worth a revision.
	minChangePermille = 10
	// minGain is the share of a request that the deepest allowed cut must free to be worth it.
	minGain = 0.05
)

// lowerUnderPressure is rule 3: at once, by the model where it knows the text share, by
// a whole step where it does not.
func lowerUnderPressure(in *input) (verdict, bool) {
	t, k, now := in.target, in.model, in.state.TargetPermille
	if k.demand < t.high() {
		return verdict{}, false
	}
	in.noteFailedRaise()
	in.state = in.state.withoutCalm()
	pressure := fmt.Sprintf("KV demand is %s of the pool (%.0f running, %.0f waiting in the fullest pod), the objective is %s",
		share(k.demand), in.sample.Hottest.Running, in.sample.Hottest.Waiting, share(t.high()))
	switch {
	case now <= in.lower, in.isGuarded() && now < in.lower+guardBandPermille:
		return in.hold(ReasonAtFloor, "holding %s: %s, and this is the lowest value allowed: more replicas are needed", percent(now), pressure), true
	case in.compressionCannotHelp():
		return in.hold(ReasonCompressionCannotHelp, "holding %s: %s", percent(now), in.cannotHelpMessage()), true
	}
	goal := in.want()
	if goal > now-minChangePermille {
		if in.state.SinceChangeSeconds < in.settleSeconds() {
			return in.hold(ReasonSettling, "holding %s: %s, but %s are predicted once the requests admitted at %s have ended",
				percent(now), pressure, share(k.predicted(now)), percent(int32(in.state.ResidentPermille))), true
		}
		goal = now - t.smallStep() // the prediction had its time and was wrong
	}
	to := max(goal, now-t.MaxStepPermille, in.lower)
	return verdict{to, ReasonKVPressure, fmt.Sprintf("retention goes from %s to %s: %s", percent(now), percent(to), pressure)}, true
}

// want is the retention that the model would choose now, without limits on the step.
func (in *input) want() int32 {
	t, k, now := in.target, in.model, in.state.TargetPermille
	want := now
	switch {
	case k.known || k.demand <= t.aim():
		want = k.largestWithin(t.aim(), k.full)
	case k.demand >= t.high():
		want = now - t.MaxStepPermille
	}
	return clamp(want, in.lower, t.MaxPermille)
}

// settleSeconds is how long a cut may take to show: until the peak gauge has forgotten
// the time before it, and the stabilisation time if that is longer.
func (in *input) settleSeconds() float64 {
	return max(in.target.StabilizationSeconds, peakMemorySeconds)
}

// compressionCannotHelp: even the deepest cut frees nearly nothing, as the pool is full
// of text. Worked example: x = 0.98, floor 100: e(100)/e(1000) = 0.98 + 0.1*0.02 = 0.982,
// so 1.8 % would be freed.
func (in *input) compressionCannotHelp() bool {
	k := in.model
	return k.known && 1-k.size(float64(in.lower))/k.size(float64(in.target.MaxPermille)) < minGain
}

func (in *input) cannotHelpMessage() string {
	k := in.model
	return fmt.Sprintf("KV demand is %s of the pool and %s of the tokens are text: going to %s would still need %s",
		share(k.demand), share(k.text), percent(in.lower), share(k.predicted(in.lower)))
}
