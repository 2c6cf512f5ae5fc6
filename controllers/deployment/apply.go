package deployment

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
)

// apply makes the children what the plan says and keeps the answers in seen, so that the report speaks of the newest state. The ConfigMap
// comes first: a pod that starts then finds its directive.
func (r *Reconciler) apply(ctx context.Context, object *v1alpha1.AirCacheDeployment, seen *world, p *plan) error {
	directives := make([]render.PoolTuning, 0, len(p.pools))
	for _, pool := range p.pools {
		directives = append(directives, render.PoolTuning{Pool: pool.Type.Name, Tuning: pool.tuning, FloorPermille: pool.bounds.FloorPermille})
	}
	tuning, err := render.TuningConfigMap(object, directives)
	if err != nil {
		return err
	}
	if _, err := r.applyChild(ctx, object, orNil(seen.tuning), tuning, &corev1.ConfigMap{}); err != nil {
		return err
	}
	if _, err := r.applyChild(ctx, object, orNil(seen.service), render.Service(object), &corev1.Service{}); err != nil {
		return err
	}
	inUse := images(seen.deployments)
	for _, pool := range p.pools {
		wanted, answer := render.Deployment(object, pool.Pool, pool.replicas, p.image), &appsv1.Deployment{}
		changed, err := r.applyChild(ctx, object, orNil(seen.deployments[pool.name]), wanted, answer)
		if err != nil {
			return err
		}
		if changed {
			seen.deployments[pool.name] = answer
		}
	}
	r.warnOfTags(object, inUse)
	for _, d := range p.stale {
		if err := r.prune(ctx, d); err != nil {
			return err
		}
		delete(seen.deployments, d.Name)
		r.Events.Eventf(object, nil, corev1.EventTypeNormal, "PoolRemoved", "Delete", "deleted Deployment %s: its GPU type is not in spec any more", d.Name)
	}
	return nil
}

// applyChild calls the API server only when live lacks something of wanted or another manifest was applied last; answer then has the
// result. A call that changes nothing would write nothing either, so a stale cache costs a call and no more.
func (r *Reconciler) applyChild(ctx context.Context, object *v1alpha1.AirCacheDeployment, live, wanted, answer client.Object) (changed bool, err error) {
	what := kindOf(wanted) + " " + wanted.GetName()
	manifest, err := render.Manifest(wanted)
	if err != nil {
		return false, err
	}
	if covered, err := isCovered(live, manifest); err != nil || covered {
		return false, err
	}
	applied := manifest.DeepCopy() // Apply puts the answer there
	if err := r.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(applied), client.FieldOwner(FieldManager), client.ForceOwnership); err != nil {
		return false, fmt.Errorf("applying %s: %w", what, err)
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(applied.Object, answer); err != nil {
		return false, fmt.Errorf("reading the applied %s: %w", what, err)
	}
	r.announce(object, live, manifest, what)
	return true, nil
}

func isCovered(live client.Object, manifest *unstructured.Unstructured) (bool, error) {
	if live == nil {
		return false, nil
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(live)
	if err != nil {
		return false, fmt.Errorf("converting %s %s: %w", manifest.GetKind(), manifest.GetName(), err)
	}
	fields["apiVersion"], fields["kind"] = manifest.GetAPIVersion(), manifest.GetKind() // a typed object that was read has none
	return render.Covers(fields, manifest.Object), nil
}

// announce tells what was done to a child. A new directive is no news here: the tuner's decision is the event.
func (r *Reconciler) announce(object *v1alpha1.AirCacheDeployment, live client.Object, manifest *unstructured.Unstructured, what string) {
	say := func(reason, format string) {
		r.Events.Eventf(object, nil, corev1.EventTypeNormal, reason, "Apply", format, what)
	}
	switch {
	case live == nil:
		say("Created", "created %s")
	case live.GetAnnotations()[render.HashAnnotation] == manifest.GetAnnotations()[render.HashAnnotation]:
		say("Repaired", "repaired %s: someone had changed it")
	case manifest.GetKind() != "ConfigMap":
		say("Updated", "updated %s")
	}
}

func (r *Reconciler) prune(ctx context.Context, d *appsv1.Deployment) error {
	err := r.Client.Delete(ctx, d, client.PropagationPolicy(metav1.DeletePropagationBackground), client.Preconditions{UID: &d.UID})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting stale Deployment %s: %w", d.Name, err)
	}
	return nil
}

// orNil turns a nil pointer into a nil interface.
func orNil[T any, P interface {
	*T
	client.Object
}](p P) client.Object {
	if p == nil {
		return nil
	}
	return p
}
