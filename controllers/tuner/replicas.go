package tuner

import (
	"fmt"
	"math"
)

// Replicas is what the tuner would have of the slow actuator. Nobody is told to buy a node for what retention can do.
type Replicas struct {
	Recommended int32 // 0: nothing is known
	Message     string
}

const (
	// spareFactor: a replica is given up after so many stabilisation times in which it was not needed; getting it back takes minutes.
	spareFactor = 5
	// pressedFactor: pressure is remembered for as many stabilisation times after it, at most.
	pressedFactor = 3
	// prefillAim is the share of their time that pods should prefill; in the rest they decode.
	prefillAim = 0.4
	// maxGrowth bounds one recommendation: what a queue says about the load is rough.
	maxGrowth = 3
)

// replicas is rule 7: out when pressure stays though retention is at its floor, or compression cannot help; in only when one replica
// fewer could still run at the maximum. Else it is what the pool is to have anyway, whatever became of its pods.
func (in *input) replicas(v verdict, metrics Finding) Replicas {
	s, m, t := &in.state, in.sample, in.target
	if !metrics.OK || m.WindowSeconds <= 0 {
		return Replicas{} // the times stand still
	}
	ready := int32(clamp(float64(m.Expected), 0, maxReplicas))
	desired := int32(clamp(float64(m.Desired), 0, maxReplicas))
	if desired == 0 {
		desired = ready
	}
	in.countPressure(v, ready == desired)
	switch {
	case s.PressedSeconds > 0 && s.PressedSeconds >= t.StabilizationSeconds:
		if s.AskedFrom == 0 {
			s.AskedFrom = desired
		}
		s.Replicas = max(s.Replicas, in.replicasNeeded(ready, desired)) // what a queue says swings; what was asked for once stands
		return in.bounded(desired, fmt.Sprintf("pressure for %.0f s that retention cannot take away", s.PressedSeconds))
	case s.SpareSeconds > 0 && s.SpareSeconds >= spareFactor*t.StabilizationSeconds:
		s.Replicas = desired - 1
		return in.bounded(desired, fmt.Sprintf("they would run at %s too", percent(t.MaxPermille)))
	case s.PressedSeconds > 0 && s.Replicas > desired:
		return in.bounded(desired, "until the pressure has been gone for as long as it lasted")
	}
	if s.AskedFrom == 0 || ready >= desired {
		s.Replicas, s.AskedFrom = desired, 0
		return in.bounded(desired, "retention does the rest")
	}
	// The pressure is gone before all the pods that it asked for have come: those that have not are given up.
	s.Replicas = max(ready, min(s.AskedFrom, desired))
	return in.bounded(desired, "the pressure is gone, and retention does the rest")
}

// countPressure counts for how long there was pressure that retention cannot take away, and for how long one pod fewer would have done.
func (in *input) countPressure(v verdict, complete bool) {
	s, seconds := &in.state, in.sample.elapsed()
	held := (v.reason == ReasonFullCache || v.reason == ReasonQualityViolated) && in.model.demand >= in.target.high()
	if v.reason == ReasonAtFloor || v.reason == ReasonCompressionCannotHelp || held || in.isExhausted() {
		// A queue that prefills make was watched before it was called so: that time counts.
		before := max(s.PressedSeconds, s.LateSeconds-seconds)
		s.PressedSeconds, s.SpareSeconds = min(before, pressedFactor*in.target.StabilizationSeconds)+seconds, 0
	} else {
		s.PressedSeconds = max(0, s.PressedSeconds-seconds) // one window between two of pressure ends nothing
	}
	if complete && in.couldSpareOne(v, int32(in.sample.Expected)) {
		s.SpareSeconds = min(s.SpareSeconds+seconds, maxSeconds)
	} else {
		s.SpareSeconds = 0
	}
}

// isExhausted reports whether the value is as low as it may be, and the load now and then asks for less: a node takes minutes, so it is asked
// for while the queue is still one of moments.
func (in *input) isExhausted() bool {
	u, k, s := in.state.Usual, in.model, in.state
	return u.isKnown() && k.known && s.TargetPermille <= in.lower+guardBandPermille && s.TargetPermille < in.target.MaxPermille &&
		k.largestWithin(in.target.high(), u.high()) < in.lower-guardBandPermille
}

// bounded is the recommendation within the spec's bounds.
func (in *input) bounded(desired int32, why string) Replicas {
	wanted := in.state.Replicas
	n := clamp(wanted, in.target.MinReplicas, in.target.MaxReplicas)
	text := fmt.Sprintf("replicas: %d", n)
	if n != desired {
		text += fmt.Sprintf(" instead of %d", desired)
	}
	if n != wanted {
		text += fmt.Sprintf(" (%d would do, the bounds are %d to %d)", wanted, in.target.MinReplicas, in.target.MaxReplicas)
	}
	return Replicas{n, text + ", " + why}
}

// replicasNeeded is how many bring the demand at the lowest value to its aim, or the share of prefills in the pods' time to theirs. While
// pods are on their way, no more are asked for than the present load of the ready ones says.
//
// Worked example: 2 pods, 120 % of a pool needed at the floor, 76.5 % the aim: 2 * 1.2/0.765 = 3.1, so 4.
func (in *input) replicasNeeded(ready, desired int32) int32 {
	t, k := in.target, in.model
	need, least := 1.0, ready+1
	if desired > ready {
		least = desired
	}
	if k.demand >= t.high() {
		need = max(need, k.predicted(min(in.lower, in.state.TargetPermille))/t.aim())
	}
	if k.waits && k.busy.known {
		need = max(need, k.busy.prefill*k.queued/prefillAim)
	}
	return max(least, int32(math.Ceil(float64(ready)*min(need, maxGrowth)-1e-9)))
}

// couldSpareOne reports whether n-1 pods would carry the load at the maximum.
func (in *input) couldSpareOne(v verdict, n int32) bool {
	t, k, s := in.target, in.model, in.state
	if n < 2 || v.reason != ReasonAtMax || k.waits {
		return false
	}
	more := float64(n) / float64(n-1)
	if max(k.demand, s.calmLoad())*more > t.aim() {
		return false
	}
	if t.ITLP95Seconds > 0 && k.itl > 0 {
		added := 0.0
		if k.canPredictSteps() {
			change, deviation := k.steps.difference([3]float64{0, k.at[1] * (more - 1), k.at[2] * (more - 1)})
			added = change + sureDeviations*deviation
		}
		if k.itl+added > aimOfLatency*t.ITLP95Seconds {
			return false
		}
	}
	return !k.busy.known || k.busy.prefill*more <= prefillAim
}
