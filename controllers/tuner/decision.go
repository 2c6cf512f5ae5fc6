package tuner

import "fmt"

// Action is what a Decision does to the retention.
type Action string

const (
	Hold  Action = "Hold"
	Lower Action = "Lower"
	Raise Action = "Raise"
	Try   Action = "Try" // a share of the requests starts, or ends, to try another value
)

// Reason is the state that a Decision is in; one word for log, event and metric.
type Reason string

const (
	ReasonFixed         Reason = "Fixed"         // the declared value
	ReasonBoundsChanged Reason = "BoundsChanged" // the spec's floor or maximum moved
	ReasonRecommending  Reason = "Recommending"  // only saying

	ReasonNoReadyPods    Reason = "NoReadyPods"
	ReasonMetricsMissing Reason = "MetricsMissing"
	ReasonMetricsInvalid Reason = "MetricsInvalid"
	ReasonMetricsStale   Reason = "MetricsStale"
	ReasonPartialScrape  Reason = "PartialScrape"
	ReasonWarmingUp      Reason = "WarmingUp" // rates need two scrapes

	ReasonCanaryStarted  Reason = "CanaryStarted"
	ReasonCanaryPromoted Reason = "CanaryPromoted"
	ReasonCanaryDropped  Reason = "CanaryDropped"
	ReasonCanaryEnded    Reason = "CanaryEnded" // without a result
	ReasonTryingLower    Reason = "TryingLower" // pressure that a trial is needed for

	ReasonFullCache             Reason = "FullCache"       // quality.onViolation, after a guard was broken
	ReasonQualityViolated       Reason = "QualityViolated" // quality.onViolation is Hold
	ReasonQualityFloor          Reason = "QualityFloor"
	ReasonKVPressure            Reason = "KVPressure"
	ReasonSettling              Reason = "Settling" // a cut that suffices has not reached all requests
	ReasonAtFloor               Reason = "AtFloor"
	ReasonCompressionCannotHelp Reason = "CompressionCannotHelp"

	ReasonLowConfidence    Reason = "LowConfidence" // nothing is known yet, and the declared start holds
	ReasonLatencyBreach    Reason = "LatencyBreach" // a latency objective is broken
	ReasonReverted         Reason = "TooManyReverted"
	ReasonQueueing         Reason = "Queueing"  // requests wait, though not for KV
	ReasonUsual            Reason = "UsualPeak" // over the objective, as this load is now and then
	ReasonInBand           Reason = "InBand"
	ReasonStabilizing      Reason = "Stabilizing"
	ReasonAtMax            Reason = "AtMax"
	ReasonRaiseFailedSoFar Reason = "RaiseFailedBefore"
	ReasonHeadroom         Reason = "Headroom"
)

// Finding is a condition's reason and message.
type Finding struct {
	OK      bool
	Reason  string
	Message string
}

// Decision is what Next decided and why, with the numbers.
type Decision struct {
	Action           Action
	PreviousPermille int32
	TargetPermille   int32 // in force from now on
	WantPermille     int32 // what the model would choose without step and stabilisation
	LowerPermille    int32 // floor, raised by the quality guards
	UpperPermille    int32
	Reason           Reason
	Message          string
	Replicas         Replicas

	CandidatePermille int32 // on trial from now on; 0: none
	CanaryPermille    int32 // share of the requests that get it
	Trial             Trial

	Metrics    Finding // Fresh | Stale | PartialScrape
	Objectives Finding // Met | LatencyBreach | KVPressure | CompressionCannotHelp | Unknown
	Quality    Finding // Agreeing | Violated | GuardOff | InsufficientSamples | Unknown
}

// Trial is the start or the end of one, as a change from one value to another; the zero Trial is none.
type Trial struct {
	Reason                   Reason
	FromPermille, ToPermille int32
	Message                  string
}

func (o *outcome) told() Trial {
	if o == nil {
		return Trial{}
	}
	return Trial{o.reason, o.from, o.to, o.message}
}

// Tuning is the finding for the TuningActive condition: Converged, Adjusting, Held,
// Recommending, Fixed or LowConfidence.
func (d Decision) Tuning() Finding {
	return Finding{OK: d.Reason != ReasonFixed && d.Metrics.OK, Reason: d.tuningReason(), Message: d.Message}
}

func (d Decision) tuningReason() string {
	switch d.Reason {
	case ReasonFixed:
		return "Fixed"
	case ReasonRecommending:
		return "Recommending"
	case ReasonWarmingUp, ReasonLowConfidence:
		return "LowConfidence"
	case ReasonInBand, ReasonUsual, ReasonAtMax, ReasonRaiseFailedSoFar:
		return "Converged"
	case ReasonCanaryStarted, ReasonCanaryPromoted, ReasonCanaryDropped, ReasonCanaryEnded, ReasonTryingLower,
		ReasonSettling, ReasonStabilizing, ReasonBoundsChanged, ReasonQualityFloor, ReasonKVPressure, ReasonHeadroom:
		return "Adjusting"
	case ReasonLatencyBreach:
		if d.Action != Hold {
			return "Adjusting"
		}
	}
	return "Held"
}

// percent prints permille as percent: 1000 "100%", 785 "78.5%".
func percent(permille int32) string { return share(float64(permille) / 1000) }

// share prints a share as percent with at most one decimal.
func share(v float64) string {
	text := fmt.Sprintf("%.1f", 100*v)
	if n := len(text); text[n-2:] == ".0" {
		text = text[:n-2]
	}
	return text + "%"
}
