package tuner

import "fmt"

const (
	// cutOfHigh is where a cut wants to end, below the objective that started it: 10 % of
	// room absorbs the noise of the next windows, so that one cut is enough.
	cutOfHigh = 0.9
	// aimOfHigh is what a raise must stay below. What it is held against is the highest load of the last minutes, so less room will do.
	aimOfHigh = 0.95
	// minChangePermille is the smallest change worth a revision.
	minChangePermille = 10
	// minGain is the share of a request, of a step or of the pods' time that the deepest allowed cut must free to be worth it.
	minGain = 0.05
	// sureDeviations is how far a predicted gain must stand out of its noise.
	sureDeviations = 2
)

// lowerUnderPressure is rule 4: at once, by the model where it knows the text share. Where it does not, the declared start bounds the cut.
func lowerUnderPressure(in *input) (verdict, bool) {
	t, k := in.target, in.model
	if k.demand < t.high() {
		return verdict{}, false
	}
	if in.isUsual() {
		in.state = in.state.withoutCalm()
		return in.hold(ReasonUsual, "holding %s: KV demand is %s of the pool, which this load reaches now and then: it needs %s +- %s of a pool at full retention",
			percent(in.state.TargetPermille), share(k.demand), share(in.state.Usual.Mean), share(in.state.Usual.deviation())), true
	}
	in.noteFailedRaise()
	in.state = in.state.withoutCalm()
	pressure := fmt.Sprintf("KV demand is %s of the pool (%.0f running, %.0f waiting in the fullest pod), the objective is %s",
		share(k.demand), in.sample.Hottest.Running, in.sample.Hottest.Waiting, share(t.high()))
	if in.canLower() && in.compressionCannotHelp() {
		return in.hold(ReasonCompressionCannotHelp, "holding %s: %s", percent(in.state.TargetPermille), in.cannotHelpMessage()), true
	}
	return in.cut(ReasonKVPressure, pressure, in.want(), func(r int32) string { return share(k.predicted(r)) + " are predicted" }), true
}

// lowerForLatency is rule 5: lower only if the predicted gain is larger than its noise.
func lowerForLatency(in *input) (verdict, bool) {
	breach, s := in.breach(), &in.state
	if !breach.known || breach.isTTFT && s.LateSeconds < in.lateEnough() {
		return verdict{}, false // a queue of a moment is gone before a cut could show
	}
	gain, noise := in.latencyGain(breach)
	switch {
	case !in.model.canPredictSteps() || breach.isTTFT && !in.model.busy.known:
		return verdict{}, false
	case gain < minGain || gain < noise:
		in.state = s.withoutCalm()
		if !in.canLower() {
			return in.hold(ReasonAtFloor, "holding %s: %s, and this is the lowest value allowed: more replicas are needed", percent(s.TargetPermille), breach.message), true
		}
		return in.hold(ReasonCompressionCannotHelp, "holding %s: %s, and %s", percent(s.TargetPermille), breach.message, in.latencyCannotHelp(gain, noise)), true
	}
	in.noteFailedRaise()
	in.state = in.state.withoutCalm().brokenAt(s.TargetPermille, in.sample.prefillRate())
	return in.cut(ReasonLatencyBreach, breach.message, in.wantForLatency(breach), func(r int32) string {
		itl, deviation := in.model.itlAt(r)
		return fmt.Sprintf("an inter-token latency of %s +- %s is predicted", milliseconds(itl), milliseconds(deviation))
	}), true
}

// lateEnough is how long the time to first token must be broken, with requests that wait, before retention is lowered for it.
func (in *input) lateEnough() float64 { return max(in.target.StabilizationSeconds, peakMemorySeconds) }

// cut is the verdict that lowers to a goal by at most one step, or says why it does not: at the bottom, or until an earlier cut has shown.
func (in *input) cut(reason Reason, pressure string, goal int32, predict func(int32) string) verdict {
	t, now := in.target, in.state.TargetPermille
	if !in.canLower() {
		if !in.model.known && in.lower > t.FloorPermille && in.lower > in.guard() {
			return in.hold(ReasonLowConfidence, "holding %s: %s, but no prompt was seen yet, and nothing is cut below the declared start before", percent(now), pressure)
		}
		return in.hold(ReasonAtFloor, "holding %s: %s, and this is the lowest value allowed: more replicas are needed", percent(now), pressure)
	}
	if goal > now-minChangePermille {
		if in.state.SinceChangeSeconds < in.settleSeconds() {
			return in.hold(ReasonSettling, "holding %s: %s, but %s once the requests admitted at %s have ended",
				percent(now), pressure, predict(now), percent(int32(in.state.ResidentPermille)))
		}
		goal = now - t.smallStep() // the prediction had its time and was wrong
	}
	to := max(goal, now-t.MaxStepPermille, in.lower, in.failed())
	if to >= now {
		return in.hold(ReasonAtFloor, "holding %s: %s, and agreement was too low at %s: more replicas are needed", percent(now), pressure, percent(in.state.FailedPermille))
	}
	if in.mustTry(to) {
		if to = in.trusted(); to > now-minChangePermille {
			return in.hold(ReasonTryingLower, "holding %s: %s, but no lower value is proven yet, and nobody waits for room", percent(now), pressure)
		}
	}
	return verdict{to, reason, fmt.Sprintf("retention goes from %s to %s: %s", percent(now), percent(to), pressure)}
}

// canLower reports whether there is room above the lower bound. A quality guard moves with the noise of its windows: just above it is at it.
func (in *input) canLower() bool {
	now := in.state.TargetPermille
	return now > in.lower && !(in.isGuarded() && now < in.lower+guardBandPermille)
}

// want is the retention that the model would choose now, without limits on the step.
func (in *input) want() int32 { return in.wantFrom(in.lower) }

// wantFrom is want with another lower bound.
func (in *input) wantFrom(lower int32) int32 {
	t, k, now := in.target, in.model, in.state.TargetPermille
	want := now
	switch {
	case k.demand >= t.high() && k.known:
		want = k.largestWithin(t.cutTo(), in.cutLoad())
	case k.demand < t.high():
		want = k.largestWithin(t.aim(), k.full)
	default:
		want = now - t.MaxStepPermille
	}
	if t.ITLP95Seconds > 0 && k.itl > 0 && k.canPredictSteps() {
		if gain, noise := in.latencyGain(breach{}); gain >= max(minGain, noise) || k.itl <= t.ITLP95Seconds {
			want = min(want, in.largestWithinITL(0))
		}
	}
	return clamp(want, lower, t.MaxPermille)
}

// wantForLatency is the largest retention at which the broken objective is predicted to hold. How long a queue lasts cannot be predicted:
// there it is one step down.
func (in *input) wantForLatency(b breach) int32 {
	if b.isTTFT {
		return in.state.TargetPermille - in.target.MaxStepPermille
	}
	return in.largestWithinITL(0)
}

// largestWithinITL is the largest retention whose inter-token latency, with so many standard deviations, keeps its objective with room.
func (in *input) largestWithinITL(deviations float64) int32 {
	limit := aimOfLatency * in.target.ITLP95Seconds
	return largest(func(r int32) bool {
		itl, deviation := in.model.itlAt(r)
		return itl+deviations*deviation <= limit
	})
}

// prefillBound: from this share of the pods' time on prefills make the queue.
const prefillBound = 0.5

// aimOfLatency is the room that a predicted latency leaves below its objective.
const aimOfLatency = 0.95

// latencyGain is the share of the step (or of the pods' time) that the deepest allowed cut is predicted to free, and the noise of that.
func (in *input) latencyGain(b breach) (gain, noise float64) {
	k := in.model
	if !k.canPredictSteps() {
		return 0, 0
	}
	change, deviation := k.stepChange(in.lower)
	gain, noise = -change/k.step, sureDeviations*deviation/k.step
	if b.isTTFT && k.busy.known {
		if k.busy.prefill > prefillBound {
			return 0, 0 // a shorter step leaves the prefills where they are
		}
		part := k.busy.decode / max(k.busy.decode+k.busy.prefill, 0.001)
		gain, noise = part*gain, part*noise
	}
	return gain, noise
}

func (in *input) latencyCannotHelp(gain, noise float64) string {
	b := in.model.busy
	text := fmt.Sprintf("going to %s would make the pods' work only %s +- %s less", percent(in.lower), share(max(gain, 0)), share(noise))
	if b.known {
		text += fmt.Sprintf(" (%s of their time is prefill, %s decoding)", share(b.prefill), share(b.decode))
	}
	return text
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

// cutLoad is the load that a cut makes room for: what is there now with the queue, as far as this load is known to need it.
func (in *input) cutLoad() float64 {
	if u := in.state.Usual; u.isKnown() {
		return min(in.model.full, backlogOfUsual*u.high())
	}
	return in.model.full
}

// backlogOfUsual: a backlog is worked off by so much more room than the load usually needs.
const backlogOfUsual = 1.1
