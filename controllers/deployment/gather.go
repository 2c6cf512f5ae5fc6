package deployment

import (
	"context"
	"fmt"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
)

// world is everything that one reconcile looks at.
type world struct {
	classes     map[string]*v1alpha1.GPUClass // those that spec names and that exist
	deployments map[string]*appsv1.Deployment // by name, of this object only; apply puts the new state here
	service     *corev1.Service
	tuning      *corev1.ConfigMap
	budget      *policyv1.PodDisruptionBudget
	network     *networkingv1.NetworkPolicy
	foreign     []string // children's names that someone else holds
	pods        []corev1.Pod
	revisions   map[string][]revision        // of each pool, newest first
	orphans     []*appsv1.ControllerRevision // of no use any more
	verdicts    verdicts                     // of node autoscalers, about pods without a node
	tuned       TuningResult
	namespace   map[string]string // labels; nil where they are not asked for, or may not be read
}

func (r *Reconciler) gather(ctx context.Context, object *v1alpha1.AirCacheDeployment) (*world, error) {
	w := &world{classes: map[string]*v1alpha1.GPUClass{}, deployments: map[string]*appsv1.Deployment{}, revisions: map[string][]revision{}}
	w.tuned, _ = r.Tuning.Get(object.UID)
	for _, gather := range []func(context.Context, *v1alpha1.AirCacheDeployment, *world) error{
		r.gatherClasses, r.gatherNamespace, r.gatherOwnedDeployments, r.gatherNamedChildren, r.gatherPods, r.gatherVerdicts, r.gatherRevisions,
	} {
		if err := gather(ctx, object, w); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (r *Reconciler) gatherClasses(ctx context.Context, object *v1alpha1.AirCacheDeployment, w *world) error {
	for _, t := range object.Spec.GPUTypes {
		if t.GPUClassName == "" {
			continue
		}
		class := &v1alpha1.GPUClass{}
		err := r.Client.Get(ctx, types.NamespacedName{Name: t.GPUClassName}, class)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("getting GPUClass %s: %w", t.GPUClassName, err)
		}
		w.classes[t.GPUClassName] = class
	}
	return nil
}

// gatherNamespace reads the namespace's labels where a class asks for one beside the name.
func (r *Reconciler) gatherNamespace(ctx context.Context, object *v1alpha1.AirCacheDeployment, w *world) error {
	if r.Namespaces == nil || !slices.ContainsFunc(slices.Collect(maps.Values(w.classes)), asksForNamespaceLabels) {
		return nil
	}
	namespace := namespaceMetadata()
	if err := r.Namespaces.Get(ctx, types.NamespacedName{Name: object.Namespace}, namespace); err != nil {
		return fmt.Errorf("getting namespace %s: %w", object.Namespace, err)
	}
	w.namespace = namespace.Labels
	return nil
}

func asksForNamespaceLabels(class *v1alpha1.GPUClass) bool {
	selector, err := metav1.LabelSelectorAsSelector(class.Spec.AllowedNamespaces)
	return err == nil && labelBesideName(selector) != ""
}

// namespaceMetadata asks for no more of a namespace than its metadata.
func namespaceMetadata() *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}}
}

// gatherOwnedDeployments finds by label, so that the pool of a type that left spec is found too.
func (r *Reconciler) gatherOwnedDeployments(ctx context.Context, object *v1alpha1.AirCacheDeployment, w *world) error {
	list := &appsv1.DeploymentList{}
	if err := r.Client.List(ctx, list, client.InNamespace(object.Namespace), client.MatchingLabels{render.LabelDeployment: object.Name}); err != nil {
		return fmt.Errorf("listing deployments: %w", err)
	}
	for i := range list.Items {
		if d := &list.Items[i]; metav1.IsControlledBy(d, object) && d.DeletionTimestamp.IsZero() {
			w.deployments[d.Name] = d
		}
	}
	return nil
}

func (r *Reconciler) gatherNamedChildren(ctx context.Context, object *v1alpha1.AirCacheDeployment, w *world) error {
	for _, pool := range render.Pools(&object.Spec, w.classes) {
		name := render.DeploymentName(object.Name, pool.Name())
		if w.deployments[name] != nil {
			continue
		}
		d := &appsv1.Deployment{}
		if found, err := r.child(ctx, object, w, name, d); err != nil {
			return err
		} else if found {
			w.deployments[name] = d
		}
	}
	service, tuning := &corev1.Service{}, &corev1.ConfigMap{}
	if found, err := r.child(ctx, object, w, render.ServiceName(object.Name), service); err != nil {
		return err
	} else if found {
		w.service = service
	}
	if found, err := r.child(ctx, object, w, render.TuningName(object.Name), tuning); err != nil {
		return err
	} else if found {
		w.tuning = tuning
	}
	budget, network := &policyv1.PodDisruptionBudget{}, &networkingv1.NetworkPolicy{}
	if found, err := r.child(ctx, object, w, render.BudgetName(object.Name), budget); err != nil {
		return err
	} else if found {
		w.budget = budget
	}
	if found, err := r.child(ctx, object, w, render.NetworkPolicyName(object.Name), network); err != nil {
		return err
	} else if found {
		w.network = network
	}
	return nil
}

// child reads the cache first and the API server where the cache has nothing: a child that lost its labels, and a stranger's object, are
// not in the cache. found is false too when the name is foreign, which is noted.
func (r *Reconciler) child(ctx context.Context, object *v1alpha1.AirCacheDeployment, w *world, name string, into client.Object) (found bool, err error) {
	key := types.NamespacedName{Namespace: object.Namespace, Name: name}
	err = r.Client.Get(ctx, key, into)
	if apierrors.IsNotFound(err) {
		err = r.Live.Get(ctx, key, into)
	}
	switch {
	case apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("getting %T %s: %w", into, name, err)
	case metav1.IsControlledBy(into, object), isOrphan(into, object):
		return true, nil
	}
	w.foreign = append(w.foreign, fmt.Sprintf("%s %s", kindOf(into), name))
	return false, nil
}

// isOrphan tells whether o was a child of an object of this name that was deleted without its children (kubectl delete
// --cascade=orphan): applying gives it its new owner.
func isOrphan(o client.Object, object *v1alpha1.AirCacheDeployment) bool {
	l := o.GetLabels()
	return metav1.GetControllerOf(o) == nil && l[render.LabelManagedBy] == render.ManagedBy && l[render.LabelDeployment] == object.Name
}

func (r *Reconciler) gatherPods(ctx context.Context, object *v1alpha1.AirCacheDeployment, w *world) error {
	list := &corev1.PodList{}
	selector := client.MatchingLabels(render.PodSelector(object.Name))
	if err := r.Client.List(ctx, list, client.InNamespace(object.Namespace), selector); err != nil {
		return fmt.Errorf("listing pods: %w", err)
	}
	w.pods = list.Items
	return nil
}

// gatherVerdicts looks only at pods that the scheduler has no node for, so that it costs nothing in steady state.
func (r *Reconciler) gatherVerdicts(ctx context.Context, object *v1alpha1.AirCacheDeployment, w *world) error {
	w.verdicts = verdicts{}
	for i := range w.pods {
		pod := &w.pods[i]
		if pod.Spec.NodeName != "" || !pod.DeletionTimestamp.IsZero() || !isUnschedulable(pod) {
			continue
		}
		list := &corev1.EventList{}
		if err := r.Client.List(ctx, list, client.InNamespace(object.Namespace), client.MatchingFields{podUIDField: string(pod.UID)}); err != nil {
			return fmt.Errorf("listing the events of pod %s: %w", pod.Name, err)
		}
		if word := newestVerdict(list.Items); word != nil {
			w.verdicts[pod.UID] = word
		}
	}
	return nil
}

// kindOf names the kinds of children; a typed object that was read has no kind of its own.
func kindOf(o client.Object) string {
	switch o.(type) {
	case *appsv1.Deployment:
		return "Deployment"
	case *corev1.Service:
		return "Service"
	case *appsv1.ControllerRevision:
		return "ControllerRevision"
	case *policyv1.PodDisruptionBudget:
		return "PodDisruptionBudget"
	case *networkingv1.NetworkPolicy:
		return "NetworkPolicy"
	default:
		return "ConfigMap"
	}
}
