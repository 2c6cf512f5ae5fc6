package tuner

import "fmt"

// input is all that a rule looks at.
type input struct {
	target Target
	state  State
	sample Sample
	model  model
	lower  int32 // floor, raised by the quality guards, and by the declared start while nothing is known
	trial  *outcome
	trace  []step // rules that were asked; only while explaining
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
	keepEverything,
	raiseToQualityFloor,
	lowerUnderPressure,
	lowerForLatency,
	holdWithoutHeadroom,
	raiseWithHeadroom,
}

// Next decides one pool's retention from one sample. The State goes into the next call.
func Next(t Target, s State, m Sample) (State, Decision) {
	in, metrics := newInput(t, s, m)
	return in.conclude(in.verdict(), metrics)
}

func newInput(t Target, s State, m Sample) (*input, Finding) {
	t = t.normalized()
	s = s.prepared(t, m)
	metrics := judgeMetrics(t, m)
	if metrics.OK {
		s = s.offered(m).learned(m).guarded(t, m).compared(t, m).calibrated(t, m).proven(t, m).mended(m)
		s.Violation = s.Violation.later(t, m.elapsed())
	}
	s, trial := s.watched(t, m, metrics.OK && m.WindowSeconds > 0)
	in := &input{target: t, state: s, sample: m, trial: trial}
	in.lower = clamp(in.guard(), t.FloorPermille, t.MaxPermille)
	if metrics.OK {
		in.model = poolModel(s, m)
		if !in.model.known {
			in.lower = max(in.lower, min(s.TargetPermille, t.StartPermille))
		}
		in.state.Usual = s.Usual.with(in.carried(), s.Rate/float64(m.Scraped), m.elapsed())
		in.state.LateSeconds = in.late()
		in.state.WantPermille = in.want()
		in.state.WaitingBefore = m.Waiting
	}
	return in, metrics
}

// late is for how long the time to first token has been broken with requests that wait.
func (in *input) late() float64 {
	if b := in.breach(); in.sample.Waiting == 0 || in.target.TTFTP95Seconds <= 0 || in.sample.TTFT.Count >= minLatencies && !b.known {
		return 0
	} else if !b.known || !b.isTTFT {
		return in.state.LateSeconds // too few first tokens say nothing new
	}
	late := min(in.state.LateSeconds+in.sample.elapsed(), maxSeconds)
	if in.isOverrun() {
		late = max(late, in.lateEnough())
	}
	return late
}

// isOverrun reports whether a queue is sure to stay: prefills take most of the pods' time, more requests come than are served, and working
// off those that wait already takes overrunFactor times the objective, were nobody to come. Then there is nothing to wait for.
//
// Worked example: 2.4 requests a second are served, 5 come. After 8 s 21 wait, which takes 9 s: more than twice an objective of 4 s.
func (in *input) isOverrun() bool {
	m, k := in.sample, in.model
	served := m.Finished / max(m.WindowSeconds, 1e-3)
	return m.Finished >= minLatencies && k.busy.known && k.busy.prefill > prefillBound && k.queued > 1 &&
		m.Waiting > overrunFactor*in.target.TTFTP95Seconds*served
}

const overrunFactor = 2

// guard is the retention that the quality guards ask for.
func (in *input) guard() int32 { return max(in.state.GuardPermille, in.state.AgreementGuardPermille) }

func (in *input) verdict() verdict {
	v := decide(in)
	if in.target.Mode == Recommend && v.reason != ReasonBoundsChanged {
		v = in.recommended(v)
	}
	return v
}

func decide(in *input) verdict {
	for i, r := range rules {
		v, decided := r(in)
		if in.trace != nil {
			in.trace = append(in.trace, step{ruleNames[i], decided})
		}
		if decided {
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
	previous := in.state.TargetPermille
	replicas := in.replicas(v, metrics)
	s := in.state
	d := Decision{
		Action: Hold, PreviousPermille: previous, TargetPermille: v.permille, WantPermille: s.WantPermille,
		LowerPermille: in.lower, UpperPermille: in.target.MaxPermille, Reason: v.reason, Message: v.message, Replicas: replicas,
		Metrics: metrics, Objectives: judgeObjectives(in, metrics), Quality: judgeQuality(in, metrics),
	}
	s.Reverted = s.Reverted.later(in.sample.elapsed())
	if v.permille == previous {
		return in.onTrial(s, d)
	}
	if d.Trial = in.trial.told(); in.trial != nil {
		d.Message += "; " + in.trial.message
	}
	d.Action = Lower
	if v.permille > previous {
		d.Action = Raise
	}
	if v.reason == ReasonQualityFloor {
		s.Reverted = s.Reverted.takenBack() // whatever brought the value there
		s.GoodRaises = 0
	}
	s.Reverted = s.Reverted.changed()
	s = s.changed(v.permille)
	if c := s.Canary.CandidatePermille; c > s.TargetPermille-minChangePermille {
		over := &outcome{ReasonCanaryEnded, c, s.TargetPermille, fmt.Sprintf("the trial of %s is over: all have about as little", percent(c))}
		s.Canary, d.Trial = Canary{}, over.told()
		d.Message += "; " + over.message
	}
	d.CandidatePermille, d.CanaryPermille = s.Canary.CandidatePermille, s.Canary.SharePermille
	return s, d
}

// onTrial is a decision that leaves the value alone, with what became of the trial, or the start of one.
func (in *input) onTrial(s State, d Decision) (State, Decision) {
	trial := in.trial
	if to := in.candidate(trial != nil); to > 0 {
		s, trial = s.started(in.target, to)
	}
	if trial != nil {
		d.Action, d.Reason, d.Message, d.Trial = Try, trial.reason, trial.message+"; "+d.Message, trial.told()
	}
	d.CandidatePermille, d.CanaryPermille = s.Canary.CandidatePermille, s.Canary.SharePermille
	return s, d
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
