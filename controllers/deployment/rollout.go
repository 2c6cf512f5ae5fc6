package deployment

import (
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
)

// rollOut decides for each pool how changed pods take the place of others: one more first, or one less.
func (p *plan) rollOut(object *v1alpha1.AirCacheDeployment, seen *world, now time.Time) {
	for i := range p.pools {
		pool := &p.pools[i]
		pool.adaptive = object.Spec.Rollout.Strategy == v1alpha1.RolloutAdaptive
		var wait time.Duration
		pool.inPlace, wait = inPlace(&object.Spec.Rollout, seen.deployments[pool.name], podsOf(seen.pods, pool.Name()), now)
		p.lookAgainIn(wait)
	}
}

// lookAgainIn asks for a reconcile after a time that nothing else announces; 0 asks for none.
func (p *plan) lookAgainIn(wait time.Duration) {
	if wait > 0 && (p.lookAgain == 0 || wait < p.lookAgain) {
		p.lookAgain = wait
	}
}

// inPlace tells whether a pod goes before its successor comes. Adaptive starts with one pod more. Where that pod gets no node for
// surgeTimeoutSeconds, or no quota at all, one goes first, until all pods are of the new template and ready: a full pool of GPUs cannot
// hold a rollout up. What it decided is kept in the Deployment's own strategy, so that a restart of the operator forgets nothing. wait is
// when to look again; 0 when only an event can change the answer.
func inPlace(r *v1alpha1.RolloutSpec, live *appsv1.Deployment, pods []*corev1.Pod, now time.Time) (yes bool, wait time.Duration) {
	switch {
	case r.Strategy != v1alpha1.RolloutAdaptive:
		return r.Strategy == v1alpha1.RolloutInPlace, 0
	case live == nil:
		return false, 0
	case goesInPlace(live):
		return !isSettled(live), 0
	case !isRolling(live):
		return false, 0
	case lacksQuota(live):
		return true, 0
	}
	since := noNodeSince(pods, live.Spec.Template.Annotations[render.TemplateAnnotation])
	if since == nil {
		return false, 0
	}
	if wait = since.Add(surgeTimeout(r)).Sub(now); wait > 0 {
		return false, wait
	}
	return true, 0
}

// surgeTimeout is half of the progress deadline at most, so that no rollout is reported as stalled while Adaptive merely waits.
func surgeTimeout(r *v1alpha1.RolloutSpec) time.Duration {
	const second = time.Second
	return min(time.Duration(ptr.Deref(r.SurgeTimeoutSeconds, 300))*second, time.Duration(r.ProgressDeadlineSeconds)*second/2)
}

func goesInPlace(d *appsv1.Deployment) bool {
	u := d.Spec.Strategy.RollingUpdate
	return u != nil && u.MaxSurge != nil && u.MaxSurge.IntValue() == 0 && u.MaxSurge.StrVal == ""
}

// startsInPlace tells that Adaptive gave up on one pod more.
func startsInPlace(object *v1alpha1.AirCacheDeployment, c child) bool {
	wanted, isPool := c.wanted.(*appsv1.Deployment)
	live, exists := c.live.(*appsv1.Deployment)
	return isPool && exists && object.Spec.Rollout.Strategy == v1alpha1.RolloutAdaptive && goesInPlace(wanted) && !goesInPlace(live)
}

// isRolling holds while pods of an older template are left.
func isRolling(d *appsv1.Deployment) bool {
	return d.Status.ObservedGeneration == d.Generation && d.Status.Replicas > d.Status.UpdatedReplicas
}

// isSettled tells that every pod is of the newest template and ready.
func isSettled(d *appsv1.Deployment) bool {
	s, wanted := d.Status, ptr.Deref(d.Spec.Replicas, 1)
	return s.ObservedGeneration == d.Generation && s.Replicas == wanted && s.UpdatedReplicas == wanted && s.ReadyReplicas == wanted
}

func lacksQuota(d *appsv1.Deployment) bool {
	c := deploymentCondition(d, appsv1.DeploymentReplicaFailure)
	return c != nil && c.Status == corev1.ConditionTrue && strings.Contains(c.Message, exceededQuota)
}

// noNodeSince is when the scheduler first said that it has no node for a pod of the template; nil when all have one.
func noNodeSince(pods []*corev1.Pod, template string) *time.Time {
	var first *time.Time
	for _, pod := range pods {
		c := podCondition(pod, corev1.PodScheduled)
		if !pod.DeletionTimestamp.IsZero() || pod.Annotations[render.TemplateAnnotation] != template || c == nil || c.Status != corev1.ConditionFalse {
			continue
		}
		if first == nil || c.LastTransitionTime.Time.Before(*first) {
			first = &c.LastTransitionTime.Time
		}
	}
	return first
}

func podsOf(pods []corev1.Pod, pool string) []*corev1.Pod {
	var list []*corev1.Pod
	for i := range pods {
		if pods[i].Labels[render.LabelPool] == pool {
			list = append(list, &pods[i])
		}
	}
	return list
}
