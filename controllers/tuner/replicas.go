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
// fewer could still run at the maximum.
func (in *input) replicas(v verdict, metrics Finding) Replicas {
	s, m := &in.state, in.sample
	n := int32(clamp(float64(m.Expected), 0, 1e6))
	if !metrics.OK || m.WindowSeconds <= 0 {
		return Replicas{} // the times stand still
	}
	seconds := m.elapsed()
	if v.reason == ReasonAtFloor || v.reason == ReasonCompressionCannotHelp {
		// A queue that prefills make was watched before it was called so: that time counts.
		before := max(s.PressedSeconds, s.LateSeconds-seconds)
		s.PressedSeconds, s.SpareSeconds = min(before, pressedFactor*in.target.StabilizationSeconds)+seconds, 0
	} else {
		s.PressedSeconds = max(0, s.PressedSeconds-seconds) // one window between two of pressure ends nothing
	}
	if in.couldSpareOne(v, n) {
		s.SpareSeconds = min(s.SpareSeconds+seconds, maxSeconds)
	} else {
		s.SpareSeconds = 0
	}
	switch {
	case s.PressedSeconds > 0 && s.PressedSeconds >= in.target.StabilizationSeconds:
		s.Replicas = max(s.Replicas, in.replicasNeeded(n)) // what a queue says swings; what was asked for once stands
		return Replicas{s.Replicas, fmt.Sprintf("replicas: %d instead of %d, pressure for %.0f s that retention cannot take away", s.Replicas, n, s.PressedSeconds)}
	case s.SpareSeconds > 0 && s.SpareSeconds >= spareFactor*in.target.StabilizationSeconds:
		s.Replicas = n - 1
		return Replicas{s.Replicas, fmt.Sprintf("replicas: %d instead of %d, they would run at %s too", s.Replicas, n, percent(in.target.MaxPermille))}
	case s.PressedSeconds > 0 && s.Replicas > n:
		return Replicas{s.Replicas, fmt.Sprintf("replicas: %d instead of %d, until the pressure has been gone for as long as it lasted", s.Replicas, n)}
	}
	s.Replicas = n
	return Replicas{n, fmt.Sprintf("replicas: %d, retention does the rest", n)}
}

// replicasNeeded is how many bring the demand at the lowest value to its aim, or the share of prefills in the pods' time to theirs.
//
// Worked example: 2 pods, 120 % of a pool needed at the floor, 76.5 % the aim: 2 * 1.2/0.765 = 3.1, so 4.
func (in *input) replicasNeeded(n int32) int32 {
	t, k := in.target, in.model
	need := 1.0
	if k.demand >= t.high() {
		need = max(need, k.predicted(min(in.lower, in.state.TargetPermille))/t.aim())
	}
	if k.waits && k.busy.known {
		need = max(need, k.busy.prefill*k.queued/prefillAim)
	}
	return max(n+1, int32(math.Ceil(float64(n)*min(need, maxGrowth)-1e-9)))
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
