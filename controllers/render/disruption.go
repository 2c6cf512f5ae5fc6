package render

import (
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
)

// evictable is the share of an object's pods that may be evicted at a time. It is rounded up: one of up to ten pods, two of up to twenty.
const evictable = "10%"

// DisruptionBudget lets a node be drained, but not all pods at once. A single pod may go, for a budget that kept it would keep its node
// from ever being drained. Pods that do not serve may always go: they hold nobody's requests, and a model that never loads must not hold
// a node either.
func DisruptionBudget(d *v1alpha1.AirCacheDeployment) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"},
		ObjectMeta: childMeta(d, BudgetName(d.Name), childLabels(d.Name)),
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable:             ptr.To(intstr.FromString(evictable)),
			Selector:                   &metav1.LabelSelector{MatchLabels: PodSelector(d.Name)},
			UnhealthyPodEvictionPolicy: ptr.To(policyv1.AlwaysAllow),
		},
	}
}
