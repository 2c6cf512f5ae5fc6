package tuner

import "fmt"

// input is all that a rule looks at.
type input struct {
	target Target
	state  State
	sample Sample
	model  model
	lower  int32 // floor, raised by the quality guards
}

// verdict is a rule's answer: the value to have, and why.
type verdict struct {
	permille int32
	reason   Reason
	message  string
}

// A rule decides, or passes the question on. It may note things in the state.
type rule func(*input) (verdict, bool)

// rules are asked in order; the first that answers decides. The last one always does.
var rules = []rule{
	keepFixedValue,
	followBounds,
	holdWithoutMetrics,
	raiseToQualityFloor,
	lowerUnderPressure,
	holdWithoutHeadroom,
	raiseWithHeadroom,
}

// Next decides one pool's retention from one sample. The State goes into the next call.
func Next(t Target, s State, m Sample) (State, Decision) {
	t = t.normalized()
	s = s.prepared(t, m)
	metrics := judgeMetrics(t, m)
	if metrics.OK {
		s = s.learned(m).guarded(t, m).compared(t, m)
	}
	in := &input{target: t, state: s, sample: m, lower: clamp(max(s.GuardPermille, s.AgreementGuardPermille), t.FloorPermille, t.MaxPermille)}
	if metrics.OK {
		in.model = demandModel(s, m)
		in.state.WantPermille = in.want()
	}
	v := decide(in)
	if t.Mode == Recommend && v.reason != ReasonBoundsChanged {
		v = in.recommended(v)
	}
	return in.conclude(v, metrics)
}

func decide(in *input) verdict {
	for _, r := range rules {
		if v, decided := r(in); decided {
			return v
		}
	}
	return in.hold(ReasonInBand, "nothing to decide")
}

// hold is the verdict that leaves the value alone.
func (in *input) hold(reason Reason, format string, args ...any) verdict {
	return verdict{in.state.TargetPermille, reason, fmt.Sprintf(format, args...)}
}

// conclude writes the verdict into the state and the Decision.
func (in *input) conclude(v verdict, metrics Finding) (State, Decision) {
	s, previous := in.state, in.state.TargetPermille
	d := Decision{
		Action: Hold, PreviousPermille: previous, TargetPermille: v.permille, WantPermille: s.WantPermille,
		LowerPermille: in.lower, UpperPermille: in.target.MaxPermille, Reason: v.reason, Message: v.message,
		Metrics: metrics, Objectives: judgeObjectives(in, metrics), Quality: judgeQuality(in, metrics),
	}
	if v.permille == previous {
		return s, d
	}
	d.Action = Lower
	if v.permille > previous {
		d.Action = Raise
	}
	return s.changed(v.permille), d
}

// recommended turns what the law would do into words only.
func (in *input) recommended(v verdict) verdict {
	in.state.Probing = false
	if !in.sampleUsable() {
		return v
	}
	return in.hold(ReasonRecommending, "recommending %s, keeping %s: KV demand is %s of the pool, the objective is %s",
		percent(in.state.WantPermille), percent(in.state.TargetPermille), share(in.model.demand), share(in.target.high()))
}
