package render

import (
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
)

// TemplateAnnotation holds the hash of the pod template, in the template and so in its pods: it tells which pods are of the newest one.
const TemplateAnnotation = "aircache.dev/template-hash"

// Deployment is the pool of one GPU type. The model's source must be an image or a claim.
func Deployment(d *v1alpha1.AirCacheDeployment, pool Pool, replicas int32, operator Operator) (*appsv1.Deployment, error) {
	name := pool.Name()
	template := podTemplate(d, pool, operator)
	if err := stamp(&template); err != nil {
		return nil, err
	}
	return &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: childMeta(d, DeploymentName(d.Name, name), poolLabels(d.Name, name)),
		Spec: appsv1.DeploymentSpec{
			Replicas:                ptr.To(replicas),
			RevisionHistoryLimit:    ptr.To(int32(2)),
			ProgressDeadlineSeconds: ptr.To(d.Spec.Rollout.ProgressDeadlineSeconds),
			Selector:                &metav1.LabelSelector{MatchLabels: poolSelector(d.Name, name)},
			Strategy:                rollingUpdate(d.Spec.Rollout.Strategy),
			Template:                template,
		},
	}, nil
}

func stamp(template *corev1.PodTemplateSpec) error {
	encoded, err := json.Marshal(template)
	if err != nil {
		return fmt.Errorf("encoding the pod template: %w", err)
	}
	metav1.SetMetaDataAnnotation(&template.ObjectMeta, TemplateAnnotation, hash(encoded))
	return nil
}

func poolSelector(object, pool string) map[string]string {
	selector := PodSelector(object)
	selector[LabelPool] = pool
	return selector
}

// rollingUpdate adds a pod before one goes, except InPlace, which takes one away first.
func rollingUpdate(strategy string) appsv1.DeploymentStrategy {
	surge, unavailable := intstr.FromInt32(1), intstr.FromInt32(0)
	if strategy == "InPlace" {
		surge, unavailable = unavailable, surge
	}
	return appsv1.DeploymentStrategy{
		Type:          appsv1.RollingUpdateDeploymentStrategyType,
		RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &surge, MaxUnavailable: &unavailable},
	}
}
