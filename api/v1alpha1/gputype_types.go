package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
)

// GPUType is one entry of the ordered preference: a kind of node and how many of its GPUs each pod takes.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.gpuClassName) && has(self.nodeSelector))",message="set only one of gpuClassName and nodeSelector"
// +kubebuilder:validation:XValidation:rule="self.count == 0 || has(self.gpuClassName) || has(self.nodeSelector)",message="gpuClassName or nodeSelector is needed unless count is 0 (a CPU pool)"
type GPUType struct {
	// Name of the pool, unique in the list.
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
	// A GPUClass of the cluster, which gives the node selector, tolerations and resource name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	GPUClassName string `json:"gpuClassName,omitempty"`
	// Labels of the nodes, in place of a GPUClass.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=8
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// Added to those of the GPUClass.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
	// GPUs of each pod; 0 makes this a CPU pool.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=8
	Count *int32 `json:"count,omitempty"`
	// Matched with the node label karpenter.sh/capacity-type when exactly one is given.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=2
	CapacityTypes []CapacityType `json:"capacityTypes,omitempty"`
	// Most pods that this type may take; no limit when left out.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	MaxReplicas *int32 `json:"maxReplicas,omitempty"`
	// Bounds of the retention that hold for this type alone.
	// +optional
	Retention *TypeRetention `json:"retention,omitempty"`
}

// TypeRetention narrows the retention of one GPU type.
type TypeRetention struct {
	// Raises cache.retention.minPercent for this type.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	MinPercent *int32 `json:"minPercent,omitempty"`
}

// CapacityType is how a node is bought.
//
// +kubebuilder:validation:Enum=Spot;OnDemand
type CapacityType string

const (
	// Spot capacity can be taken away at short notice.
	Spot CapacityType = "Spot"
	// OnDemand capacity stays until it is given back.
	OnDemand CapacityType = "OnDemand"
)

// GPUs is the number of GPUs of each pod: 1 unless count says otherwise.
func (g *GPUType) GPUs() int32 {
	if g.Count == nil {
		return 1
	}
	return *g.Count
}
