package deployment

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
)

// poolState is a pool as it is, beside what is wanted of it.
type poolState struct {
	name     string
	wanted   int32              // of its Deployment
	probing  bool               // one of them tries whether there are nodes again
	heldBack bool               // its Deployment was deleted, and waits for the pods that it had to go
	live     *appsv1.Deployment // nil while it does not exist
	adaptive bool               // its rollouts make room for themselves
	podState podSummary
}

func (s poolState) ready() int32 {
	switch {
	case s.live != nil:
		return s.live.Status.ReadyReplicas
	case s.heldBack:
		return s.podState.ready // the Service still reaches them
	}
	return 0
}

func (s poolState) exist() int32 {
	switch {
	case s.live != nil:
		return s.live.Status.Replicas
	case s.heldBack:
		return s.podState.running
	}
	return 0
}

func states(p *plan, seen *world, model *v1alpha1.ModelSpec) []poolState {
	list := make([]poolState, 0, len(p.pools))
	for _, pool := range p.pools {
		live, template := seen.deployments[pool.name], ""
		if live != nil {
			template = live.Spec.Template.Annotations[render.TemplateAnnotation]
		}
		list = append(list, poolState{
			name: pool.Name(), wanted: pool.set(), probing: pool.hold.Probing, heldBack: pool.heldBack, live: live, adaptive: pool.adaptive,
			podState: summarize(seen.pods, pool.Name(), template, model),
		})
	}
	return list
}

// stalledBy is the plan's own problem, else the first that a pool has: the Deployment's, then its pods'.
func stalledBy(p *plan, pools []poolState) *finding {
	if p.stalled != nil {
		return p.stalled
	}
	for _, pool := range pools {
		if pool.podState.problem != nil && poolProgress(pool) != nil {
			return pool.podState.problem
		}
		if found := deploymentProblem(pool); found != nil {
			return found
		}
	}
	return nil
}

func deploymentProblem(pool poolState) *finding {
	d := pool.live
	if d == nil || d.Status.ObservedGeneration < d.Generation {
		return nil // its conditions speak of an older wish
	}
	makesRoom := pool.adaptive && lacksQuota(d) && (isRolling(d) || pool.podState.terminating > 0) // a pod that goes leaves its quota
	if c := deploymentCondition(d, appsv1.DeploymentReplicaFailure); c != nil && c.Status == corev1.ConditionTrue && !makesRoom {
		reason := v1alpha1.ReasonPodsRejected
		if strings.Contains(c.Message, exceededQuota) {
			reason = v1alpha1.ReasonQuotaExceeded
		}
		return &finding{reason, fmt.Sprintf("Deployment %s: %s", d.Name, c.Message)}
	}
	if c := deploymentCondition(d, appsv1.DeploymentProgressing); c != nil && c.Status == corev1.ConditionFalse {
		return &finding{v1alpha1.ReasonProgressDeadlineExceeded, fmt.Sprintf("Deployment %s: %s", d.Name, c.Message)}
	}
	return nil
}

// exceededQuota is in the words of the API server.
const exceededQuota = "exceeded quota"

func deploymentCondition(d *appsv1.Deployment, t appsv1.DeploymentConditionType) *appsv1.DeploymentCondition {
	for i := range d.Status.Conditions {
		if d.Status.Conditions[i].Type == t {
			return &d.Status.Conditions[i]
		}
	}
	return nil
}

// reconcilingBy is what a pause holds up, else what the first pool that is not done is doing; nil when all are done.
func reconcilingBy(p *plan, pools []poolState, old leaving) *finding {
	if len(p.pending) > 0 {
		return &finding{v1alpha1.ReasonPaused, "spec.paused is true; not yet what spec says: " + strings.Join(p.pending, ", ")}
	}
	for _, pool := range pools {
		if found := poolProgress(pool); found != nil {
			return found
		}
	}
	switch {
	case len(old.pools) > 0:
		return &finding{v1alpha1.ReasonRollingOut, fmt.Sprintf("%s left spec and is about to go", strings.Join(old.pools, ", "))}
	case old.pods > 0:
		return &finding{v1alpha1.ReasonDraining, fmt.Sprintf("pods of GPU types that left spec finish their requests: %d", old.pods)}
	}
	return nil
}

func poolProgress(pool poolState) *finding {
	d, pods := pool.live, pool.podState
	say := func(reason, format string, values ...any) *finding {
		return &finding{reason, fmt.Sprintf("pool %s: ", pool.name) + fmt.Sprintf(format, values...)}
	}
	switch {
	case pool.heldBack:
		return say(v1alpha1.ReasonScaling, "its Deployment was deleted and is made anew when the pods that it had go: %d", pods.running)
	case d == nil:
		return say(v1alpha1.ReasonScaling, "0 of %d pods exist", pool.wanted)
	}
	s := d.Status
	switch {
	case s.ObservedGeneration == 0:
		return say(v1alpha1.ReasonScaling, "0 of %d pods exist", pool.wanted)
	case s.ObservedGeneration < d.Generation:
		return say(v1alpha1.ReasonRollingOut, "the change has not been taken up yet")
	case s.Replicas > s.UpdatedReplicas:
		how := ""
		if pool.adaptive && goesInPlace(d) {
			how = "; there is no room for one more, so they are replaced in place"
		}
		return say(v1alpha1.ReasonRollingOut, "%d of %d pods have an older template%s", s.Replicas-s.UpdatedReplicas, s.Replicas, how)
	case s.Replicas != pool.wanted:
		return say(v1alpha1.ReasonScaling, "%d of %d pods exist", s.Replicas, pool.wanted)
	case pods.unscheduled > probes(pool):
		return say(v1alpha1.ReasonWaitingForNodes, "%d of %d pods have no node: %s", pods.unscheduled, pool.wanted, pods.capacity)
	case s.ReadyReplicas < pool.wanted-probes(pool):
		return say(v1alpha1.ReasonLoadingModel, "%d of %d pods are ready", s.ReadyReplicas, pool.wanted)
	case pods.terminating > 0:
		return say(v1alpha1.ReasonDraining, "pods that finish their requests: %d", pods.terminating)
	}
	return nil
}

// readiness speaks of answering requests: one ready pod is enough to be Ready, the reason tells the rest.
func readiness(p *plan, pools []poolState, old leaving) (metav1.ConditionStatus, finding) {
	var ready int32
	for _, pool := range pools {
		ready += min(pool.ready(), pool.wanted)
	}
	ready = min(ready, p.wanted()) // a move has one pod more
	message := fmt.Sprintf("%d of %d pods are ready", ready, p.wanted())
	if p.unplaced > 0 {
		message += fmt.Sprintf("; gpuTypes[].maxReplicas leaves no room for %d", p.unplaced)
	}
	if old.ready > 0 {
		message += fmt.Sprintf("; pods of GPU types that left spec still serve: %d", old.ready)
	}
	serves := metav1.ConditionTrue
	if p.wanted() > 0 && ready+old.ready == 0 {
		serves = metav1.ConditionFalse
	}
	switch {
	case p.paused:
		return serves, finding{v1alpha1.ReasonPaused, "spec.paused is true; " + message}
	case p.wanted() == 0:
		return serves, finding{v1alpha1.ReasonIdle, "no pod is wanted"}
	case serves == metav1.ConditionFalse:
		return serves, finding{v1alpha1.ReasonNotServing, message}
	case ready < p.wanted():
		return serves, finding{v1alpha1.ReasonDegraded, message}
	}
	return serves, finding{v1alpha1.ReasonAvailable, message}
}

// capacity tells whether every pod has a node, in the autoscaler's words or the scheduler's. The pod of a probe may have none.
func capacity(p *plan, pools []v1alpha1.PoolStatus, states []poolState) (metav1.ConditionStatus, finding) {
	exist := false
	for i, pool := range pools {
		if pool.PendingReplicas > probes(states[i]) {
			return metav1.ConditionFalse, finding{pool.CapacityReason, fmt.Sprintf("pool %s: %s", pool.Name, pool.CapacityMessage)}
		}
		exist = exist || states[i].exist() > 0
	}
	if p.spilled > 0 {
		return metav1.ConditionTrue, finding{v1alpha1.ReasonFallbackActive, fallbackText(p, pools)}
	}
	if p.replicas > 0 && !exist {
		return metav1.ConditionUnknown, finding{v1alpha1.ReasonUnknown, "no pod exists yet"}
	}
	return metav1.ConditionTrue, finding{v1alpha1.ReasonAllScheduled, "every pod has a node"}
}

// fallbackText names the types that ran out, why, and when they are tried again.
func fallbackText(p *plan, pools []v1alpha1.PoolStatus) string {
	text := fmt.Sprintf("replicas on later GPU types: %d", p.spilled)
	for _, pool := range pools {
		held := pool.Placement
		if held.HeldReplicas == nil {
			continue
		}
		when := "being tried again"
		if !held.Probing && held.RetryTime != nil {
			when = "tried again at " + held.RetryTime.UTC().Format(time.RFC3339)
		}
		text += fmt.Sprintf("; pool %s, %s: %s (%s)", pool.Name, when, pool.CapacityReason, pool.CapacityMessage)
	}
	return text
}

// probes is 1 while a pod of the pool tries whether there are nodes again.
func probes(pool poolState) int32 {
	if pool.probing {
		return 1
	}
	return 0
}

// capacityOf is why pods of a pool have no node. It is kept while the pool is held: the pods are gone by then.
func capacityOf(before *v1alpha1.PoolStatus, pool poolState, planned *poolPlan) (reason, message string) {
	wasInterrupted := before != nil && before.CapacityReason == v1alpha1.ReasonSpotInterrupted
	s := pool.podState
	switch {
	case s.unscheduled == 0 && planned.hold.Held && before != nil:
		return before.CapacityReason, before.CapacityMessage
	case s.unscheduled == 0:
		return "", ""
	}
	message = clip(cmp.Or(planned.nodes.message, s.capacity), 512)
	switch {
	case planned.nodes.interrupted || wasInterrupted:
		return v1alpha1.ReasonSpotInterrupted, message
	case planned.nodes.noCapacity > 0:
		return v1alpha1.ReasonNoCapacity, message
	case s.unschedulable:
		return v1alpha1.ReasonUnschedulable, message
	}
	return v1alpha1.ReasonWaitingForNode, message
}
