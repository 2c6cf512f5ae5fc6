package deployment

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
)

// newStatus is the whole status, made from what was seen and decided; it changes nothing that it is given.
func newStatus(object *v1alpha1.AirCacheDeployment, seen *world, p *plan, now metav1.Time) v1alpha1.AirCacheDeploymentStatus {
	before := &object.Status
	pools := states(p, seen, &object.Spec.Model)
	status := v1alpha1.AirCacheDeploymentStatus{
		ObservedGeneration: object.Generation,
		Conditions:         slices.Clone(before.Conditions),
		DesiredReplicas:    p.wanted(),
		Selector:           render.PodSelector(object.Name).String(),
		URL:                render.URL(object),
		ModelDigest:        modelDigest(&object.Spec.Model),
		Latency:            clip(seen.tuned.Latency, 128),
		Quality:            clip(seen.tuned.Quality, 128),
	}
	if seen.tuned.Pools == nil { // the tuner has not looked yet: keep its last words
		status.Latency, status.Quality = before.Latency, before.Quality
	}
	for i, pool := range pools {
		next := newPoolStatus(poolStatus(before.Pools, pool.name), pool, &p.pools[i], seen.tuned.Pools[pool.name])
		if was := poolStatus(before.Pools, pool.name); p.isHeld() && was != nil {
			next.DesiredReplicas, next.Placement = was.DesiredReplicas, was.Placement
		}
		status.Replicas += pool.exist()
		status.ReadyReplicas += next.ReadyReplicas
		status.Pools = append(status.Pools, next)
	}
	status.Retention = clip(retentionText(status.Pools), 128)
	setConditions(&status, object, seen, p, pools, now)
	return status
}

func newPoolStatus(before *v1alpha1.PoolStatus, pool poolState, planned *poolPlan, result PoolResult) v1alpha1.PoolStatus {
	next := v1alpha1.PoolStatus{
		Name: pool.name, DesiredReplicas: planned.replicas, ReadyReplicas: pool.ready(),
		PendingReplicas: pool.podState.unscheduled, Placement: placementOf(planned.hold),
		Product: clip(result.Product, 128), Tuning: planned.tuning, Quality: result.Quality,
	}
	next.CapacityReason, next.CapacityMessage = capacityOf(before, pool, planned)
	if before != nil {
		next.Decisions = slices.Clone(before.Decisions)
		if next.Product == "" {
			next.Product = before.Product
		}
		if next.Quality == (v1alpha1.PoolQuality{}) {
			next.Quality = before.Quality
		}
	}
	next.Decisions = append(next.Decisions, newDecisions(before, result.Decisions)...)
	if extra := len(next.Decisions) - v1alpha1.MaxDecisions; extra > 0 {
		next.Decisions = next.Decisions[extra:]
	}
	return next
}

// newDecisions are those that are newer than the newest in status.
func newDecisions(before *v1alpha1.PoolStatus, decisions []v1alpha1.Decision) []v1alpha1.Decision {
	var fresh []v1alpha1.Decision
	for _, d := range decisions {
		d.Time = d.Time.Rfc3339Copy()
		d.Action, d.Reason, d.Message = clip(d.Action, 32), clip(d.Reason, 64), clip(d.Message, 512)
		if before == nil || len(before.Decisions) == 0 || before.Decisions[len(before.Decisions)-1].Time.Before(&d.Time) {
			fresh = append(fresh, d)
		}
	}
	return fresh
}

// setConditions sets every condition on every path; Reconciling and Stalled vanish when they are not true.
func setConditions(status *v1alpha1.AirCacheDeploymentStatus, object *v1alpha1.AirCacheDeployment, seen *world, p *plan, pools []poolState, now metav1.Time) {
	set := func(kind string, value metav1.ConditionStatus, f finding) {
		apimeta.SetStatusCondition(&status.Conditions, metav1.Condition{
			Type: kind, Status: value, Reason: f.reason, Message: clip(f.message, 1024), ObservedGeneration: object.Generation, LastTransitionTime: now,
		})
	}
	setWhileTrue := func(kind string, f *finding) {
		if f == nil {
			apimeta.RemoveStatusCondition(&status.Conditions, kind)
			return
		}
		set(kind, metav1.ConditionTrue, *f)
	}
	old := leavers(p, seen)
	value, why := readiness(p, pools, old)
	set(v1alpha1.ConditionReady, value, why)
	stalled := stalledBy(p, pools)
	setWhileTrue(v1alpha1.ConditionStalled, stalled)
	if stalled == nil {
		setWhileTrue(v1alpha1.ConditionReconciling, reconcilingBy(p, pools, old))
	} else {
		setWhileTrue(v1alpha1.ConditionReconciling, nil) // it will not get there by itself
	}
	value, why = capacity(p, status.Pools, pools)
	set(v1alpha1.ConditionCapacityAvailable, value, why)
	setWhileTrue(v1alpha1.ConditionUnexpectedProduct, productMismatch(p, status.Pools))
	setWhileTrue(v1alpha1.ConditionAutoscalerConflict, conflicts(object, p))
	value, why = upgradeAvailable(p)
	set(v1alpha1.ConditionUpgradeAvailable, value, why)

	for _, c := range tunerConditions(p, &seen.tuned) {
		if c.result.Status == "" {
			c.result = kept(status.Conditions, c.kind, object)
		}
		set(c.kind, c.result.Status, finding{c.result.Reason, c.result.Message})
	}
	slices.SortStableFunc(status.Conditions, func(a, b metav1.Condition) int {
		return conditionOrder(a.Type) - conditionOrder(b.Type)
	})
}

// tunerCondition is a condition that the tuner has the say in.
type tunerCondition struct {
	kind   string
	result ConditionResult
}

// tunerConditions are the tuner's newest words; while the object is paused nobody looks at its pods.
func tunerConditions(p *plan, tuned *TuningResult) []tunerCondition {
	list := []tunerCondition{
		{v1alpha1.ConditionTuningActive, tuned.TuningActive},
		{v1alpha1.ConditionMetricsAvailable, tuned.MetricsAvailable},
		{v1alpha1.ConditionObjectivesMet, tuned.ObjectivesMet},
		{v1alpha1.ConditionQualityHealthy, tuned.QualityHealthy},
	}
	if p.paused {
		const why = "spec.paused is true: pods keep their retention, and their metrics are not read"
		for i := range list {
			list[i].result = ConditionResult{metav1.ConditionUnknown, v1alpha1.ReasonUnknown, why}
		}
		list[0].result = ConditionResult{metav1.ConditionFalse, v1alpha1.ReasonHeld, why}
	}
	return list
}

// kept is what status says already, for a condition about which the tuner has no word yet.
func kept(conditions []metav1.Condition, kind string, object *v1alpha1.AirCacheDeployment) ConditionResult {
	if c := apimeta.FindStatusCondition(conditions, kind); c != nil {
		return ConditionResult{c.Status, c.Reason, c.Message}
	}
	if kind == v1alpha1.ConditionTuningActive && object.Spec.Tuning.Mode == v1alpha1.TuningFixed {
		return ConditionResult{metav1.ConditionFalse, v1alpha1.ReasonFixed, "tuning.mode is Fixed"}
	}
	return ConditionResult{metav1.ConditionUnknown, v1alpha1.ReasonUnknown, "nothing was observed yet"}
}

var order = []string{
	v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, v1alpha1.ConditionCapacityAvailable,
	v1alpha1.ConditionTuningActive, v1alpha1.ConditionMetricsAvailable, v1alpha1.ConditionObjectivesMet,
	v1alpha1.ConditionQualityHealthy, v1alpha1.ConditionUnexpectedProduct, v1alpha1.ConditionAutoscalerConflict,
	v1alpha1.ConditionUpgradeAvailable,
}

func conditionOrder(kind string) int {
	if i := slices.Index(order, kind); i >= 0 {
		return i
	}
	return len(order)
}

// retentionText is "50%" when all pools agree, else "l40s 50%, a100 82.5%".
func retentionText(pools []v1alpha1.PoolStatus) string {
	var parts []string
	same := true
	for _, p := range pools {
		same = same && p.Tuning.TargetPermille == pools[0].Tuning.TargetPermille
		parts = append(parts, fmt.Sprintf("%s %s", p.Name, percentText(p.Tuning.TargetPermille)))
	}
	if same && len(pools) > 0 {
		return percentText(pools[0].Tuning.TargetPermille)
	}
	return strings.Join(parts, ", ")
}

func percentText(permille int32) string {
	return strconv.FormatFloat(float64(permille)/10, 'f', -1, 64) + "%"
}

func modelDigest(m *v1alpha1.ModelSpec) string {
	if m.HuggingFace != nil {
		return m.HuggingFace.Revision
	}
	if m.Image == nil {
		return ""
	}
	_, digest, _ := strings.Cut(m.Image.Reference, "@")
	return digest
}

// clip keeps a text within the API's limit, in whole characters.
func clip(text string, limit int) string {
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return text
}
