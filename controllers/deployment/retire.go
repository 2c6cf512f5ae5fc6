package deployment

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
)

// retire deletes the pools of GPU types that left spec, once nobody misses them: a type that is replaced by another one serves until
// the other does.
func (r *Reconciler) retire(ctx context.Context, object *v1alpha1.AirCacheDeployment, seen *world, p *plan) error {
	missed := isMissed(states(p, seen, &object.Spec.Model))
	for _, d := range p.stale {
		if missed && d.Status.ReadyReplicas > 0 {
			continue
		}
		if err := r.prune(ctx, d); err != nil {
			return err
		}
		delete(seen.deployments, d.Name)
		r.Events.Eventf(object, d, corev1.EventTypeNormal, "PoolRemoved", "Delete", "deleted Deployment %s: its GPU type is not in spec any more", d.Name)
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

// isMissed tells whether pods of the pools in spec are still to come. Those that find no node are not waited for: the old pool may
// hold what they need.
func isMissed(pools []poolState) bool {
	missed := false
	for _, pool := range pools {
		if pool.podState.unscheduled > 0 {
			return false
		}
		missed = missed || pool.ready() < pool.wanted
	}
	return missed
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
