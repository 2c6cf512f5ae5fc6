package deployment

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
)

// child is one object that spec asks for, beside what exists of it.
type child struct {
	live     client.Object // nil while it does not exist
	wanted   client.Object
	answer   client.Object   // apply puts the result there
	template render.Template // of a Deployment
	seenAt   string          // not "": the resourceVersion that live must still have
}

func (c child) String() string { return kindOf(c.wanted) + " " + c.wanted.GetName() }

func (c child) manifest() (*unstructured.Unstructured, error) {
	if d, isPool := c.wanted.(*appsv1.Deployment); isPool {
		return render.PoolManifest(d, c.template)
	}
	return render.Manifest(c.wanted)
}

// children are in the order in which they are applied. The ConfigMap comes first: a pod that starts then finds its directive. A template
// is kept before it is used.
func children(object *v1alpha1.AirCacheDeployment, seen *world, p *plan) ([]child, error) {
	directives := make([]render.PoolTuning, 0, len(p.pools))
	for _, pool := range p.pools {
		directives = append(directives, render.PoolTuning{Pool: pool.Name(), Tuning: pool.tuning, FloorPermille: pool.bounds.FloorPermille})
	}
	tuning, err := render.TuningConfigMap(object, directives, p.operator)
	if err != nil {
		return nil, err
	}
	list := []child{
		{live: orNil(seen.tuning), wanted: tuning, answer: &corev1.ConfigMap{}},
		{live: orNil(seen.service), wanted: render.Service(object), answer: &corev1.Service{}},
		{live: orNil(seen.budget), wanted: render.DisruptionBudget(object), answer: &policyv1.PodDisruptionBudget{}},
	}
	if wanted := render.NetworkPolicy(object, p.operator); wanted != nil { // before the pods that it protects
		list = append(list, child{live: orNil(seen.network), wanted: wanted, answer: &networkingv1.NetworkPolicy{}})
	}
	for _, pool := range p.pools {
		kept, err := render.Revision(object, pool.Name(), pool.template, pool.revision)
		if err != nil {
			return nil, err
		}
		wish := render.Wish{Replicas: &pool.replicas, InPlace: pool.inPlace, Template: pool.template}
		set := child{live: orNil(seen.deployments[pool.name]), answer: &appsv1.Deployment{}, template: pool.template}
		if pool.rival != nil {
			// Had the field become ours since, leaving it out would set it to its default.
			wish.Replicas, set.seenAt = nil, pool.rival.seenAt
		}
		if set.wanted, err = render.Deployment(object, pool.Pool, wish); err != nil {
			return nil, err
		}
		list = append(list, child{live: orNil(seen.revision(pool)), wanted: kept, answer: &appsv1.ControllerRevision{}})
		if !pool.heldBack {
			list = append(list, set)
		}
	}
	return list, nil
}

// apply makes the children what the plan says and keeps the answers in seen, so that the report speaks of the newest state.
func (r *Reconciler) apply(ctx context.Context, object *v1alpha1.AirCacheDeployment, seen *world, p *plan) error {
	list, err := children(object, seen, p)
	if err != nil {
		return err
	}
	inUse := images(seen.deployments)
	var made []child
	defer func() { r.announceMade(object, made) }()
	for _, c := range list {
		changed, err := r.applyChild(ctx, object, c)
		if err != nil {
			return err
		}
		if changed && c.live == nil {
			made = append(made, c)
		}
		if d, isPool := c.answer.(*appsv1.Deployment); isPool && changed {
			seen.deployments[d.Name] = d
		}
	}
	r.warnOfTags(object, inUse)
	if err := r.open(ctx, object, seen); err != nil {
		return err
	}
	if err := r.retire(ctx, object, seen, p); err != nil {
		return err
	}
	return r.pruneRevisions(ctx, p, seen)
}

// applyChild calls the API server only when live lacks something of wanted or another manifest was applied last; answer then has the
// result. A call that changes nothing would write nothing either, so a stale cache costs a call and no more.
func (r *Reconciler) applyChild(ctx context.Context, object *v1alpha1.AirCacheDeployment, c child) (changed bool, err error) {
	manifest, err := c.manifest()
	if err != nil {
		return false, err
	}
	if covered, err := isCovered(c.live, manifest); err != nil || covered {
		return false, err
	}
	applied := manifest.DeepCopy() // Apply puts the answer there
	applied.SetResourceVersion(c.seenAt)
	if err := r.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(applied), client.FieldOwner(FieldManager), client.ForceOwnership); err != nil {
		return false, fmt.Errorf("applying %s: %w", c, err)
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(applied.Object, c.answer); err != nil {
		return false, fmt.Errorf("reading the applied %s: %w", c, err)
	}
	if c.live != nil {
		r.announce(object, c, manifest)
	}
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

// announce tells what was done to a child that was there. A new directive is no news here: the tuner's decision is the event. The child is
// named as the related object, for events of one moment that differ in their text alone are counted as one.
func (r *Reconciler) announce(object *v1alpha1.AirCacheDeployment, c child, manifest *unstructured.Unstructured) {
	say := func(reason, format string) {
		r.Events.Eventf(object, c.answer, corev1.EventTypeNormal, reason, "Apply", format, c)
	}
	switch {
	case manifest.GetKind() == "ControllerRevision":
	case startsInPlace(object, c):
		say(v1alpha1.EventRollingInPlace, "%s has no room for one more pod; its pods are replaced one by one in place")
	case c.live.GetAnnotations()[render.HashAnnotation] == manifest.GetAnnotations()[render.HashAnnotation]:
		say("Repaired", "repaired %s: someone had changed it")
	case manifest.GetKind() != "ConfigMap":
		say("Updated", "updated %s")
	}
}

// announceMade tells of all new children at once: one event, not one for each. A template that is kept is no news.
func (r *Reconciler) announceMade(object *v1alpha1.AirCacheDeployment, made []child) {
	var names []string
	var last client.Object
	for _, c := range made {
		if _, isKept := c.wanted.(*appsv1.ControllerRevision); !isKept {
			names, last = append(names, c.String()), c.answer
		}
	}
	if names != nil {
		r.Events.Eventf(object, last, corev1.EventTypeNormal, "Created", "Apply", "%s", clip("created "+strings.Join(names, ", "), 1024))
	}
}

// pending names the children that are not what spec says, for an object that is paused.
func pending(object *v1alpha1.AirCacheDeployment, seen *world, p *plan) ([]string, error) {
	list, err := children(object, seen, p)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, c := range list {
		manifest, err := c.manifest()
		if err != nil {
			return nil, err
		}
		covered, err := isCovered(c.live, manifest)
		if err != nil {
			return nil, err
		}
		if _, isKept := c.wanted.(*appsv1.ControllerRevision); !covered && !isKept {
			names = append(names, c.String())
		}
	}
	for _, d := range p.stale {
		names = append(names, "Deployment "+d.Name)
	}
	if isShutThoughOpen(object, seen) {
		names = append(names, "NetworkPolicy "+seen.network.Name)
	}
	return names, nil
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
