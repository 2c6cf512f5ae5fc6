package render

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"aircache.dev/aircache/api/v1alpha1"
)

// Labels that every child carries. The user's own labels are never copied: app.kubernetes.io/instance and the tracking labels of GitOps
// tools would make such a tool prune the children.
const (
	LabelName       = "app.kubernetes.io/name"
	LabelManagedBy  = "app.kubernetes.io/managed-by"
	LabelDeployment = "aircache.dev/deployment"
	LabelPool       = "aircache.dev/pool"

	AppName   = "aircache"
	ManagedBy = "aircache-operator"
)

// ContainerName is the container that serves the model.
const ContainerName = "runtime"

// Ports of a pod; the Service maps port 80 to the first.
const (
	HTTPPort    = 8000
	ControlPort = 9443
)

// DeploymentName is the Deployment of one GPU type.
func DeploymentName(object, pool string) string { return object + "-" + pool }

// ServiceName is the Service in front of all pools.
func ServiceName(object string) string { return object }

// TuningName is the ConfigMap that holds what is asked of each pool.
func TuningName(object string) string { return object + "-tuning" }

// NetworkPolicyName is the NetworkPolicy of the pods of all pools.
func NetworkPolicyName(object string) string { return object + "-pods" }

// BudgetName is the PodDisruptionBudget of the pods of all pools.
func BudgetName(object string) string { return object + "-pods" }

// PodSelector matches the pods of all pools of an object.
func PodSelector(object string) labels.Set {
	return labels.Set{LabelName: AppName, LabelDeployment: object}
}

// URL is the address of the OpenAI API inside the cluster.
func URL(d *v1alpha1.AirCacheDeployment) string {
	return "http://" + ServiceName(d.Name) + "." + d.Namespace + ".svc"
}

func childLabels(object string) map[string]string {
	return map[string]string{LabelName: AppName, LabelManagedBy: ManagedBy, LabelDeployment: object}
}

func poolLabels(object, pool string) map[string]string {
	l := childLabels(object)
	l[LabelPool] = pool
	return l
}

// childMeta has an owner reference without blockOwnerDeletion: setting that needs the right to update the owner's finalizers where
// the API server enforces it, and background garbage collection works without.
func childMeta(d *v1alpha1.AirCacheDeployment, name string, labels map[string]string) metav1.ObjectMeta {
	controller := true
	return metav1.ObjectMeta{
		Name: name, Namespace: d.Namespace, Labels: labels,
		OwnerReferences: []metav1.OwnerReference{{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: "AirCacheDeployment",
			Name: d.Name, UID: d.UID, Controller: &controller,
		}},
	}
}
