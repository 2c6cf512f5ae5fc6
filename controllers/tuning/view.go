package tuning

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/deployment"
	"aircache.dev/aircache/controllers/tuner"
)

// view is what status should say of one object: it renews itself with decisions and with
// states that last, not with every number that moves.
type view struct {
	published                            deployment.TuningResult
	tuning, metrics, objectives, healthy steady
	latency, quality                     string
}

// viewFrom keeps the last words of an earlier operator until there are new ones.
func viewFrom(before *v1alpha1.AirCacheDeploymentStatus) *view {
	return &view{latency: before.Latency, quality: before.Quality}
}

// update takes a round in, and tells whether the result differs from the published one.
func (v *view) update(pools map[string]*pool, round []seen) (deployment.TuningResult, bool) {
	moved := false
	for _, s := range round {
		p := pools[s.name]
		moved = p.report.update(s, p.memory.Product()) || moved
	}
	if len(round) > 0 {
		v.tuning.next(worst(round, tuningSeverity, tuningCondition), moved)
		v.metrics.next(worst(round, metricsSeverity, metricsCondition), false)
		v.objectives.next(worst(round, objectivesSeverity, objectivesCondition), moved)
		v.healthy.next(worst(round, qualitySeverity, qualityCondition), moved)
	}
	next := deployment.TuningResult{
		Pools: map[string]deployment.PoolResult{}, Latency: v.published.Latency, Quality: v.published.Quality,
		TuningActive: v.tuning.shown, MetricsAvailable: v.metrics.shown, ObjectivesMet: v.objectives.shown, QualityHealthy: v.healthy.shown,
	}
	isFirst := false
	for name, p := range pools {
		if p.report.Tuning.TargetPermille > 0 {
			result := p.report.PoolResult
			result.Quality = v.published.Pools[name].Quality // as it was: a new figure alone is no news, the first one is
			isFirst = isFirst || result.Quality.AgreementPermille == 0 && p.quality.AgreementPermille > 0
			next.Pools[name] = result
		}
	}
	v.latency, v.quality = keepIfEmpty(latencyText(round), v.latency), keepIfEmpty(qualityText(round), v.quality)
	isFirst = isFirst || next.Latency == "" && v.latency != "" || next.Quality == "" && v.quality != ""
	if len(next.Pools) == 0 || equality.Semantic.DeepEqual(next, v.published) && !isFirst {
		return v.published, false
	}
	next.Latency, next.Quality = v.latency, v.quality
	for name, p := range next.Pools {
		p.Decisions, p.Quality = slices.Clone(p.Decisions), pools[name].quality
		next.Pools[name] = p
	}
	v.published = next
	next.Pools = maps.Clone(next.Pools)
	return next, true
}

func keepIfEmpty(now, before string) string {
	if now == "" {
		return before
	}
	return now
}

// steady is a condition that another state replaces only when it lasts for two rounds, or
// comes with a decision.
type steady struct {
	shown   deployment.ConditionResult
	waiting string // the reason that was seen once
}

func (c *steady) next(now deployment.ConditionResult, moved bool) {
	same := now.Reason == c.shown.Reason && now.Status == c.shown.Status
	// Right after a start "too little was seen" is no news: status says what was before.
	isNews := c.shown.Status == "" && now.Reason != v1alpha1.ReasonLowConfidence
	switch {
	case moved || isNews || !same && c.waiting == now.Reason:
		c.shown, c.waiting = now, ""
	case same:
		c.waiting = ""
	default:
		c.waiting = now.Reason
	}
}

// worst is the condition of the pool that has most to say. Pools without pods are heard only
// if none has any.
func worst(round []seen, severity []string, of func(seen) deployment.ConditionResult) deployment.ConditionResult {
	var chosen deployment.ConditionResult
	rank, chosenHasPods := -1, false
	for _, s := range round {
		c, hasPods := of(s), s.sample.Expected > 0
		if len(round) > 1 {
			c.Message = "pool " + s.name + ": " + c.Message
		}
		r := slices.Index(severity, c.Reason)
		if hasPods == chosenHasPods && r > rank || hasPods && !chosenHasPods {
			chosen, rank, chosenHasPods = c, r, hasPods
		}
	}
	return chosen
}

// From least to most to say.
var (
	tuningSeverity = []string{
		v1alpha1.ReasonFixed, v1alpha1.ReasonConverged, v1alpha1.ReasonRecommending, v1alpha1.ReasonAdjusting,
		v1alpha1.ReasonLowConfidence, v1alpha1.ReasonHeld,
	}
	metricsSeverity    = []string{v1alpha1.ReasonFresh, v1alpha1.ReasonPartialScrape, v1alpha1.ReasonStale}
	objectivesSeverity = []string{
		v1alpha1.ReasonMet, v1alpha1.ReasonUnknown, v1alpha1.ReasonLatencyBreach, v1alpha1.ReasonKVPressure,
		v1alpha1.ReasonCompressionCannotHelp,
	}
	qualitySeverity = []string{
		v1alpha1.ReasonGuardOff, v1alpha1.ReasonAgreeing, v1alpha1.ReasonUnknown, v1alpha1.ReasonInsufficientSamples, v1alpha1.ReasonViolated,
	}
)

func tuningCondition(s seen) deployment.ConditionResult     { return condition(s.decision.Tuning()) }
func metricsCondition(s seen) deployment.ConditionResult    { return condition(s.decision.Metrics) }
func objectivesCondition(s seen) deployment.ConditionResult { return condition(s.decision.Objectives) }

func qualityCondition(s seen) deployment.ConditionResult { return condition(s.decision.Quality) }

// unsure are the reasons of a condition that is neither true nor false.
var unsure = []string{v1alpha1.ReasonUnknown, v1alpha1.ReasonGuardOff, v1alpha1.ReasonInsufficientSamples}

func condition(f tuner.Finding) deployment.ConditionResult {
	status := metav1.ConditionFalse
	switch {
	case f.OK:
		status = metav1.ConditionTrue
	case slices.Contains(unsure, f.Reason):
		status = metav1.ConditionUnknown
	}
	return deployment.ConditionResult{Status: status, Reason: f.Reason, Message: f.Message}
}
