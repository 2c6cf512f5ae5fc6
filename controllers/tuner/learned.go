package tuner

import (
	"fmt"
	"math"
)

// SchemaVersion is of Learned. It grows when a field changes its meaning or its unit.
const SchemaVersion = 1

// Learned is what status keeps of the model over a restart, in whole numbers. What it leaves out (calm times, evidence of the value in
// force, covariances) is learned again within minutes.
type Learned struct {
	Version                   int32
	Subject                   int64 // of Target
	TextSharePermille         int32 // x
	StepBaseNanos             int64 // a
	StepPerThousandTokenNanos int64 // b, for 1000 KV tokens
	StepPerSequenceNanos      int64 // c
	StepDeviationNanos        int64 // of a window's mean step around the law
	CalibratedRecallPermille  int32 // the recall that agreement is sure to hold at; 0 = not known
	FailedPermille            int32 // highest retention that agreement was too low at
	BackoffSeconds            int32 // the agreement guard stands for
	Backoff                   int32 // how often it failed, as a power of 2
}

// Learned is what of s outlives a restart.
func (s State) Learned() Learned {
	nanos := func(seconds float64) int64 { return int64(math.Round(1e9 * min(seconds, 1e6))) }
	l := Learned{
		Version: SchemaVersion, Subject: int64(s.Subject), TextSharePermille: int32(math.Round(1000 * s.TextShare)),
		CalibratedRecallPermille: int32(math.Ceil(1000 * s.CalibratedRecall)),
		FailedPermille:           s.FailedPermille,
		BackoffSeconds:           int32(min(s.BackoffSeconds, maxSeconds)), Backoff: int32(s.Backoff),
	}
	if s.Steps.isKnown() {
		l.StepBaseNanos, l.StepPerThousandTokenNanos, l.StepPerSequenceNanos = nanos(s.Steps.Theta[0]), nanos(s.Steps.Theta[1]), nanos(s.Steps.Theta[2])
		l.StepDeviationNanos = nanos(math.Sqrt(s.Steps.Noise))
	}
	return l
}

// WithLearned is s with what an earlier tuner learned. Numbers of another schema version are not understood: then everything is learned
// anew, and the error says so. The target and its order are not part of it; they are kept in any case.
func (s State) WithLearned(l Learned) (State, error) {
	if l == (Learned{}) {
		return s, nil
	}
	if l.Version != SchemaVersion {
		return s, fmt.Errorf("what was learned has schema version %d, this tuner knows %d: it learns anew", l.Version, SchemaVersion)
	}
	s.Subject = uint32(l.Subject)
	s.TextShare = float64(clamp(l.TextSharePermille, 0, 1000)) / 1000
	s.CalibratedRecall = float64(clamp(l.CalibratedRecallPermille, 0, 1000)) / 1000
	s.FailedPermille = clamp(l.FailedPermille, 0, 1000)
	if s.AgreementGuardPermille > 0 {
		s.Backoff = clamp(float64(l.Backoff), 1, maxBackoff)
		s.BackoffSeconds = clamp(float64(l.BackoffSeconds), 0, maxBackoff*agreementBackoffSeconds)
	}
	s.Steps = rememberedSteps(l)
	return s, nil
}

// rememberedSteps trusts the numbers as far as one step of their usual size would show an error of a fifth.
func rememberedSteps(l Learned) StepModel {
	k := StepModel{Windows: minStepWindows, Noise: square(seconds(l.StepDeviationNanos))}
	var x [3]float64
	for i, nanos := range [3]int64{l.StepBaseNanos, l.StepPerThousandTokenNanos, l.StepPerSequenceNanos} {
		k.Theta[i] = seconds(nanos)
		x[i] = math.Sqrt(k.Noise) / (rememberedError * max(k.Theta[i], 1e-9))
	}
	if k = k.guessing(x, 1); k.Noise <= 0 || !k.isSound() {
		return StepModel{}
	}
	return k
}

const rememberedError = 0.2

func seconds(nanos int64) float64 { return 1e-9 * float64(max(nanos, 0)) }

func square(v float64) float64 { return v * v }
