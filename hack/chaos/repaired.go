package main

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
	"aircache.dev/aircache/hack/scale/fleet"
	"aircache.dev/aircache/hack/scale/rig"
)

// damaged says what of an object's children is not as the operator made it; nothing when all is repaired. It reads from the API server.
func (c *chaos) damaged(ctx context.Context, d *v1alpha1.AirCacheDeployment) string {
	deployment, tuning := &appsv1.Deployment{}, &corev1.ConfigMap{}
	for name, child := range map[string]client.Object{
		render.DeploymentName(d.Name, "cpu"): deployment, render.ServiceName(d.Name): &corev1.Service{},
		d.Name + "-pods": &policyv1.PodDisruptionBudget{}, render.TuningName(d.Name): tuning,
	} {
		if err := c.rig.Client.Get(ctx, types.NamespacedName{Namespace: rig.Namespace, Name: name}, child); err != nil {
			return fmt.Sprintf("%T %s: %v", child, name, err)
		}
		if child.GetLabels()[render.LabelDeployment] != d.Name || !child.GetDeletionTimestamp().IsZero() {
			return fmt.Sprintf("%T %s has no labels, or goes", child, name)
		}
	}
	switch image := deployment.Spec.Template.Spec.Containers[0].Image; {
	case image != rig.RuntimeImage("a"):
		return fmt.Sprintf("%s runs %s", deployment.Name, image)
	case ptr.Deref(deployment.Spec.Replicas, 1) != ptr.Deref(d.Spec.Replicas, 1):
		return fmt.Sprintf("%s has %d replicas, %d are wanted", deployment.Name, *deployment.Spec.Replicas, ptr.Deref(d.Spec.Replicas, 1))
	case strings.Contains(tuning.Data[render.TuningKey("cpu")], `"targetPermille":1,`):
		return fmt.Sprintf("%s is still the forged one", tuning.Name)
	}
	return ""
}

// repaired waits until no child of any object is damaged.
func (c *chaos) repaired(ctx context.Context) error {
	for {
		left := ""
		objects := &v1alpha1.AirCacheDeploymentList{}
		if err := c.rig.Client.List(ctx, objects, client.InNamespace(rig.Namespace)); err != nil {
			left = err.Error()
		}
		for i := range objects.Items {
			if why := c.damaged(ctx, &objects.Items[i]); why != "" {
				left = why
			}
		}
		if left == "" {
			return nil
		}
		if err := fleet.Pause(ctx, look); err != nil {
			return fmt.Errorf("%s: %w", left, err)
		}
	}
}
