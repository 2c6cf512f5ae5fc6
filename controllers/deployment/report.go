package deployment

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/placement"
	"aircache.dev/aircache/controllers/render"
)

// report writes status when it changed, and then says what changed as events. The write is refused when the object was read before our
// own last write, so that an event is not sent twice.
func (r *Reconciler) report(ctx context.Context, object *v1alpha1.AirCacheDeployment, seen *world, p *plan) error {
	before := object.DeepCopy()
	status := newStatus(object, seen, p, metav1.NewTime(r.Clock.Now()))
	if equality.Semantic.DeepEqual(before.Status, status) {
		return nil
	}
	object.Status = status
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Status().Patch(ctx, object, patch, client.FieldOwner(FieldManager)); err != nil {
		return fmt.Errorf("writing status: %w", err)
	}
	r.written.Store(object.UID, object.ResourceVersion)
	for _, e := range append(transitions(&before.Status, &status), movesOf(p)...) {
		var related runtime.Object
		if d := seen.deployments[render.DeploymentName(object.Name, e.pool)]; d != nil {
			related = d // two pools may say the same in one moment, and events that differ in their text alone are counted as one
		}
		r.Events.Eventf(object, related, e.kind, e.reason, e.action, "%s", e.message)
	}
	return nil
}

// notice is one event about the object, or about one of its pools.
type notice struct{ kind, reason, action, message, pool string }

// movesOf are the events of what placement decided.
func movesOf(p *plan) []notice {
	if p.isHeld() {
		return nil
	}
	var list []notice
	for _, m := range p.moves {
		kind := corev1.EventTypeNormal
		if m.Action == placement.Fallback {
			kind = corev1.EventTypeWarning
		}
		text := m.Text
		if m.Type != "" {
			text = fmt.Sprintf("pool %s: %s", m.Type, m.Text)
		}
		list = append(list, notice{kind, m.Action, "Place", text, m.Type})
	}
	return list
}

// transitions are the events between two statuses: one per change, with the words of the condition or the decision.
func transitions(before, after *v1alpha1.AirCacheDeploymentStatus) []notice {
	var list []notice
	for _, kind := range []string{v1alpha1.ConditionStalled, v1alpha1.ConditionUnexpectedProduct, v1alpha1.ConditionAutoscalerConflict} {
		if c := changed(before, after, kind); c != nil {
			list = append(list, notice{corev1.EventTypeWarning, c.Reason, "Reconcile", c.Message, ""})
		}
	}
	if c := changed(before, after, v1alpha1.ConditionReady); c != nil {
		kind := corev1.EventTypeNormal
		lost := apimeta.IsStatusConditionTrue(before.Conditions, v1alpha1.ConditionReady)
		if c.Status == metav1.ConditionFalse && lost {
			kind = corev1.EventTypeWarning
		}
		list = append(list, notice{kind, c.Reason, "Reconcile", c.Message, ""})
	}
	if c := changed(before, after, v1alpha1.ConditionUpgradeAvailable); c != nil && c.Status == metav1.ConditionTrue {
		list = append(list, notice{corev1.EventTypeNormal, v1alpha1.EventUpgradeAvailable, "Reconcile", c.Message, ""})
	}
	for i := range after.Pools {
		pool := &after.Pools[i]
		for _, d := range newDecisions(poolStatus(before.Pools, pool.Name), pool.Decisions) {
			list = append(list, notice{corev1.EventTypeNormal, d.Reason, "Tune", fmt.Sprintf("pool %s: %s", pool.Name, d.Message), pool.Name})
		}
	}
	return list
}

// changed is the condition when its status or reason is new; nil when not, or when the condition is gone.
func changed(before, after *v1alpha1.AirCacheDeploymentStatus, kind string) *metav1.Condition {
	was, is := apimeta.FindStatusCondition(before.Conditions, kind), apimeta.FindStatusCondition(after.Conditions, kind)
	if is == nil || was != nil && was.Status == is.Status && was.Reason == is.Reason {
		return nil
	}
	return is
}
