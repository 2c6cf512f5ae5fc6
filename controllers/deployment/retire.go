package deployment

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
)

// leaver is the Deployment of a GPU type that left spec.
type leaver struct {
	*appsv1.Deployment
	keep   int32  // pods that it may still have; with 0 it is deleted
	served string // value of servedAnnotation while it makes room
}

// servedAnnotation keeps, on the Deployment of a leaver, how many pods served when it began to make room, and under which generation of
// spec: "3/7".
const servedAnnotation = "aircache.dev/served-before"

// retire decides what becomes of the pools of GPU types that left spec: they serve until those in their place do. Where a new pod finds
// no node for surgeTimeoutSeconds, as in a full pool of GPUs, the old ones make room one by one: never more than one pod fewer serves
// than before.
func (p *plan) retire(object *v1alpha1.AirCacheDeployment, seen *world, now time.Time) {
	missing, ready, waits := p.newPods(seen)
	served := p.servedBefore(object, ready)
	room := false
	if waits != nil {
		wait := waits.Add(surgeTimeout(&object.Spec.Rollout)).Sub(now)
		room = wait <= 0
		p.lookAgainIn(wait)
	}
	kept := int32(0)
	for i := range p.stale {
		l := &p.stale[i]
		have := ptr.Deref(l.Spec.Replicas, 1)
		switch {
		case missing == 0 || l.Status.ReadyReplicas == 0:
		case room:
			l.keep = max(0, min(have, min(served, p.wanted())-1-ready-kept))
			l.served = fmt.Sprintf("%d/%d", served, object.Generation)
		default:
			l.keep = have
		}
		kept += l.keep
	}
}

// servedBefore is how many pods served when leavers began to make room: before that, those that serve now.
func (p *plan) servedBefore(object *v1alpha1.AirCacheDeployment, ready int32) int32 {
	sum := ready
	for _, l := range p.stale {
		var before int32
		var generation int64
		if n, _ := fmt.Sscanf(l.Annotations[servedAnnotation], "%d/%d", &before, &generation); n == 2 && generation == object.Generation {
			return before
		}
		sum += ptr.Deref(l.Spec.Replicas, 1)
	}
	return sum
}

// newPods are the pods of spec's pools that are still to come, those that serve, and since when one of them has waited for a node.
func (p *plan) newPods(seen *world) (missing, ready int32, waits *time.Time) {
	for i := range p.pools {
		pool := &p.pools[i]
		live := seen.deployments[pool.name]
		if live == nil {
			missing += pool.set()
			continue
		}
		serve := min(live.Status.ReadyReplicas, pool.set())
		missing, ready = missing+pool.set()-serve, ready+serve
		since := noNodeSince(podsOf(seen.pods, pool.Name()), live.Spec.Template.Annotations[render.TemplateAnnotation])
		if since != nil && (waits == nil || since.Before(*waits)) {
			waits = since
		}
	}
	return missing, ready, waits
}

// retire does what plan.retire decided.
func (r *Reconciler) retire(ctx context.Context, object *v1alpha1.AirCacheDeployment, seen *world, p *plan) error {
	for _, l := range p.stale {
		switch {
		case l.keep == 0:
			if err := r.prune(ctx, l.Deployment); err != nil {
				return err
			}
			delete(seen.deployments, l.Name)
			r.Events.Eventf(object, l.Deployment, corev1.EventTypeNormal, "PoolRemoved", "Delete", "deleted Deployment %s: its GPU type is not in spec any more", l.Name)
		case l.keep < ptr.Deref(l.Spec.Replicas, 1):
			if err := r.makeRoom(ctx, l); err != nil {
				return err
			}
			r.Events.Eventf(object, l.Deployment, corev1.EventTypeNormal, "MakingRoom", "Scale",
				"Deployment %s keeps %d pods: its GPU type is not in spec any more, and a pod in their place finds no node", l.Name, l.keep)
		}
	}
	return nil
}

func (r *Reconciler) makeRoom(ctx context.Context, l leaver) error {
	before := l.DeepCopy()
	l.Spec.Replicas = &l.keep
	metav1.SetMetaDataAnnotation(&l.ObjectMeta, servedAnnotation, l.served)
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Patch(ctx, l.Deployment, patch, client.FieldOwner(FieldManager)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("scaling stale Deployment %s: %w", l.Name, err)
	}
	return nil
}

// open deletes the NetworkPolicy of an object that wants none any more.
func (r *Reconciler) open(ctx context.Context, object *v1alpha1.AirCacheDeployment, seen *world) error {
	if !isShutThoughOpen(object, seen) {
		return nil
	}
	policy := seen.network
	if err := r.Client.Delete(ctx, policy, client.Preconditions{UID: &policy.UID}); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting NetworkPolicy %s: %w", policy.Name, err)
	}
	r.Events.Eventf(object, policy, corev1.EventTypeNormal, "Opened", "Delete", "deleted NetworkPolicy %s: network.policy is Off", policy.Name)
	return nil
}

func isShutThoughOpen(object *v1alpha1.AirCacheDeployment, seen *world) bool {
	return object.Spec.Network.Policy == v1alpha1.NetworkOff && seen.network != nil
}

func (r *Reconciler) prune(ctx context.Context, d *appsv1.Deployment) error {
	err := r.Client.Delete(ctx, d, client.PropagationPolicy(metav1.DeletePropagationBackground), client.Preconditions{UID: &d.UID})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting stale Deployment %s: %w", d.Name, err)
	}
	return nil
}

// leaving is what is left of GPU types that are not in spec any more.
type leaving struct {
	pools []string // Deployments that serve on
	ready int32    // their pods
	pods  int      // pods without such a Deployment, which finish their requests
}

func leavers(p *plan, seen *world) leaving {
	var l leaving
	stays := map[string]bool{}
	for _, pool := range p.pools {
		stays[pool.Name()] = true
	}
	for _, d := range p.stale {
		if seen.deployments[d.Name] != nil {
			l.pools = append(l.pools, d.Name)
			l.ready += d.Status.ReadyReplicas
			stays[d.Labels[render.LabelPool]] = true
		}
	}
	for i := range seen.pods {
		if !stays[seen.pods[i].Labels[render.LabelPool]] {
			l.pods++
		}
	}
	return l
}
