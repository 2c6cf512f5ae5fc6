package tuning

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
)

// PodIP addresses a pod by its IP.
func PodIP(pod *corev1.Pod, port int) string {
	return "http://" + net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(port))
}

// readyPods lists the pods of a pool that may be asked, by name, and tells how many the pool is to have.
func (l *Loop) readyPods(ctx context.Context, d *v1alpha1.AirCacheDeployment, poolName string) (pods []*corev1.Pod, desired int, err error) {
	owner := &appsv1.Deployment{}
	name := types.NamespacedName{Namespace: d.Namespace, Name: render.DeploymentName(d.Name, poolName)}
	if err := l.Reader.Get(ctx, name, owner); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, 0, nil
		}
		return nil, 0, fmt.Errorf("getting deployment %s: %w", name.Name, err)
	}
	if !metav1.IsControlledBy(owner, d) {
		return nil, 0, nil
	}
	selector := client.MatchingLabels(render.PodSelector(d.Name))
	selector[render.LabelPool] = poolName
	list := &corev1.PodList{}
	if err := l.Reader.List(ctx, list, client.InNamespace(d.Namespace), selector, client.UnsafeDisableDeepCopy); err != nil {
		return nil, 0, fmt.Errorf("listing pods of %s: %w", owner.Name, err)
	}
	for i := range list.Items {
		if pod := &list.Items[i]; belongsTo(pod, owner) && isReady(pod) {
			pods = append(pods, pod)
		}
	}
	slices.SortFunc(pods, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods, int(ptr.Deref(owner.Spec.Replicas, 1)), nil
}

// belongsTo holds a pod against its Deployment. ReplicaSets are not among what the operator may
// read, so the link pod -> ReplicaSet -> Deployment is checked by the name that the Deployment
// controller gives: deployment, dash, template hash. A pod on the host's network is never ours:
// its address would be the node's.
func belongsTo(pod *corev1.Pod, owner *appsv1.Deployment) bool {
	controller := metav1.GetControllerOf(pod)
	hash := pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
	return controller != nil && controller.Kind == "ReplicaSet" && strings.HasPrefix(controller.APIVersion, "apps/") &&
		hash != "" && controller.Name == owner.Name+"-"+hash && !pod.Spec.HostNetwork
}

func isReady(pod *corev1.Pod) bool {
	if !pod.DeletionTimestamp.IsZero() || pod.Status.PodIP == "" {
		return false
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
