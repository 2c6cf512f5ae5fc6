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
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	rtevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
)

// CachedObjects keeps only the operator's own children and their pods in memory; pass it as cache.Options.ByObject.
func CachedObjects() map[client.Object]cache.ByObject {
	own := cache.ByObject{Label: labels.SelectorFromSet(labels.Set{render.LabelManagedBy: render.ManagedBy})}
	return map[client.Object]cache.ByObject{
		&appsv1.Deployment{}: {Label: own.Label, Transform: trimDeployment}, &corev1.Service{}: own, &corev1.ConfigMap{}: own,
		&corev1.Pod{}:                {Label: own.Label, Transform: trimPod},
		&appsv1.ControllerRevision{}: own, &policyv1.PodDisruptionBudget{}: own, &networkingv1.NetworkPolicy{}: own,
		&corev1.Event{}:     {Field: autoscalerEvents, Transform: trimEvent},
		namespaceMetadata(): {Transform: trimNamespace},
	}
}

// SetupWithManager watches the objects, their children and pods, the GPU classes and the tuner.
func (r *Reconciler) SetupWithManager(m manager.Manager, workers int) error {
	byPod := func(o client.Object) []string { return []string{string(o.(*corev1.Event).InvolvedObject.UID)} }
	if err := m.GetFieldIndexer().IndexField(context.Background(), &corev1.Event{}, podUIDField, byPod); err != nil {
		return fmt.Errorf("indexing events by pod: %w", err)
	}
	if err := Index(context.Background(), m.GetFieldIndexer()); err != nil {
		return err
	}
	b := builder.ControllerManagedBy(m).
		Named("aircachedeployment").
		For(&v1alpha1.AirCacheDeployment{}, builder.WithPredicates(predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, statusChanged()))).
		Owns(&appsv1.Deployment{}).
		Owns(&corev1.Service{}).
		Owns(&corev1.ConfigMap{}).
		Owns(&appsv1.ControllerRevision{}).
		Owns(&policyv1.PodDisruptionBudget{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&networkingv1.NetworkPolicy{}).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(objectOfPod), builder.WithPredicates(podMatters())).
		Watches(&corev1.Event{}, handler.EnqueueRequestsFromMapFunc(r.objectOfEvent), builder.WithPredicates(eventMatters())).
		Watches(&v1alpha1.GPUClass{}, handler.EnqueueRequestsFromMapFunc(r.objectsOfClass), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers})
	if r.Namespaces != nil {
		b = b.WatchesMetadata(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(r.objectsOfNamespace), builder.WithPredicates(namespaceMatters()))
	}
	if changes := r.Tuning.Changes(); changes != nil {
		b = b.WatchesRawSource(source.Channel(changes, &handler.EnqueueRequestForObject{}))
	}
	if err := b.Complete(r); err != nil {
		return fmt.Errorf("setting up the controller of AirCacheDeployments: %w", err)
	}
	return nil
}

// statusChanged lets our own status writes through: a reconcile that read an older status may have found nothing to write, and this one
// sees the difference. It ends at once where nothing differs.
func statusChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e rtevent.UpdateEvent) bool {
		before, isOld := e.ObjectOld.(*v1alpha1.AirCacheDeployment)
		after, isNew := e.ObjectNew.(*v1alpha1.AirCacheDeployment)
		return isOld && isNew && !equality.Semantic.DeepEqual(before.Status, after.Status)
	}}
}

// podMatters lets a pod's update through when it changes what status can say of it.
func podMatters() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e rtevent.UpdateEvent) bool {
		before, isOld := e.ObjectOld.(*corev1.Pod)
		after, isNew := e.ObjectNew.(*corev1.Pod)
		return isOld && isNew && podFacts(before) != podFacts(after)
	}}
}

// eventMatters lets a node autoscaler's words through, once each.
func eventMatters() predicate.Predicate {
	speaks := func(o client.Object) bool {
		e, isEvent := o.(*corev1.Event)
		return isEvent && verdictOf(e) != nil
	}
	return predicate.Funcs{
		CreateFunc: func(e rtevent.CreateEvent) bool { return speaks(e.Object) },
		UpdateFunc: func(e rtevent.UpdateEvent) bool { return speaks(e.ObjectNew) },
		DeleteFunc: func(rtevent.DeleteEvent) bool { return false },
	}
}

// objectOfEvent finds the object by the pod's label. Pods of others are not in the cache.
func (r *Reconciler) objectOfEvent(ctx context.Context, o client.Object) []reconcile.Request {
	pod := &corev1.Pod{}
	about := o.(*corev1.Event).InvolvedObject
	if err := r.Client.Get(ctx, types.NamespacedName{Namespace: about.Namespace, Name: about.Name}, pod); err != nil {
		return nil
	}
	return objectOfPod(ctx, pod)
}

func podFacts(pod *corev1.Pod) string {
	facts := fmt.Sprint(pod.DeletionTimestamp.IsZero(), pod.Spec.NodeName != "", wasDisrupted(pod))
	if c := podCondition(pod, corev1.PodScheduled); c != nil {
		facts += fmt.Sprint(c.Status, c.Reason, c.Message)
	}
	for _, c := range pod.Status.ContainerStatuses {
		facts += fmt.Sprint(c.Ready, c.RestartCount, c.State.Waiting)
	}
	return facts
}

func objectOfPod(_ context.Context, pod client.Object) []reconcile.Request {
	name := pod.GetLabels()[render.LabelDeployment]
	if name == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: pod.GetNamespace(), Name: name}}}
}

func (r *Reconciler) objectsOfClass(ctx context.Context, class client.Object) []reconcile.Request {
	list := &v1alpha1.AirCacheDeploymentList{}
	if err := r.Client.List(ctx, list); err != nil {
		return nil // the cache answers, or the manager is stopping
	}
	var requests []reconcile.Request
	for i := range list.Items {
		for _, t := range list.Items[i].Spec.GPUTypes {
			if t.GPUClassName == class.GetName() {
				requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
				break
			}
		}
	}
	return requests
}

// namespaceMatters lets new labels through: a class may ask for them. A namespace is there before its objects.
func namespaceMatters() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(rtevent.CreateEvent) bool { return false },
		DeleteFunc: func(rtevent.DeleteEvent) bool { return false },
		UpdateFunc: func(e rtevent.UpdateEvent) bool { return !maps.Equal(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels()) },
	}
}

// objectsOfNamespace are those that use a class.
func (r *Reconciler) objectsOfNamespace(ctx context.Context, namespace client.Object) []reconcile.Request {
	list := &v1alpha1.AirCacheDeploymentList{}
	if err := r.Client.List(ctx, list, client.InNamespace(namespace.GetName())); err != nil {
		return nil // the cache answers, or the manager is stopping
	}
	var requests []reconcile.Request
	for i := range list.Items {
		if slices.ContainsFunc(list.Items[i].Spec.GPUTypes, func(t v1alpha1.GPUType) bool { return t.GPUClassName != "" }) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
	}
	return requests
}

// trimNamespace keeps the labels.
func trimNamespace(o any) (any, error) {
	namespace, isMetadata := o.(*metav1.PartialObjectMetadata)
	if !isMetadata {
		return o, nil
	}
	kept := &metav1.PartialObjectMetadata{TypeMeta: namespace.TypeMeta}
	kept.Name, kept.UID, kept.ResourceVersion, kept.Labels = namespace.Name, namespace.UID, namespace.ResourceVersion, namespace.Labels
	return kept, nil
}
