package render

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
)

// Wish is what is asked of a pool.
type Wish struct {
	Replicas *int32   // nil leaves them to whoever sets them
	InPlace  bool     // on a change a pod goes before its successor comes; else one more comes first
	Template Template // that NewTemplate made now or for an earlier operator
}

// Deployment is the pool of one GPU type, or of any.
func Deployment(d *v1alpha1.AirCacheDeployment, pool Pool, wish Wish) (*appsv1.Deployment, error) {
	name := pool.Name()
	meta := childMeta(d, DeploymentName(d.Name, name), poolLabels(d.Name, name))
	meta.Annotations = map[string]string{InputsAnnotation: wish.Template.Inputs}
	deployment := &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: meta,
		Spec: appsv1.DeploymentSpec{
			Replicas:                wish.Replicas,
			RevisionHistoryLimit:    ptr.To(int32(2)),
			ProgressDeadlineSeconds: ptr.To(d.Spec.Rollout.ProgressDeadlineSeconds),
			Selector:                &metav1.LabelSelector{MatchLabels: poolSelector(d.Name, name)},
			Strategy:                rollingUpdate(wish.InPlace),
		},
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(wish.Template.Fields, &deployment.Spec.Template); err != nil {
		return nil, fmt.Errorf("reading the pod template of pool %s: %w", name, err)
	}
	return deployment, nil
}

func poolSelector(object, pool string) map[string]string {
	selector := PodSelector(object)
	selector[LabelPool] = pool
	return selector
}

// rollingUpdate adds a pod before one goes, or takes one away first.
func rollingUpdate(inPlace bool) appsv1.DeploymentStrategy {
	surge, unavailable := intstr.FromInt32(1), intstr.FromInt32(0)
	if inPlace {
		surge, unavailable = unavailable, surge
	}
	return appsv1.DeploymentStrategy{
		Type:          appsv1.RollingUpdateDeploymentStrategyType,
		RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &surge, MaxUnavailable: &unavailable},
	}
}
