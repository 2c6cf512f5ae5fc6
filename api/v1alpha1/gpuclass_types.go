package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DefaultResourceName is the extended resource of a GPU where a class names no other.
const DefaultResourceName = "nvidia.com/gpu"

// GPUClassSpec is what an administrator says about one kind of GPU node.
type GPUClassSpec struct {
	// Labels that the node's provisioner knows before the node exists. Labels that a node gets after boot, such as
	// nvidia.com/gpu.product, keep node autoscalers from ever buying one.
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=8
	NodeSelector map[string]string `json:"nodeSelector"`
	// Tolerations of the nodes' taints.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
	// Extended resource that counts the GPUs.
	// +optional
	// +kubebuilder:default="nvidia.com/gpu"
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9.-]+/[A-Za-z0-9._-]+$`
	ResourceName string `json:"resourceName,omitempty"`
	// DeviceClass of dynamic resource allocation whose devices are the GPUs, instead of resourceName. Pods ask for them by the extended
	// resource deviceclass.resource.kubernetes.io/NAME, which Kubernetes understands from 1.36 on.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	DeviceClassName string `json:"deviceClassName,omitempty"`
	// Memory of one GPU. For people to read; nothing is derived from it yet.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4096
	MemoryGiB int32 `json:"memoryGiB"`
	// Price of one GPU for an hour, in thousandths of the currency of your choice. For people to read; nothing follows from it yet.
	// +optional
	// +kubebuilder:validation:Minimum=0
	HourlyCostMilli *int32 `json:"hourlyCostMilli,omitempty"`
	// Products that pods may find there, as their driver names them; capitals, spaces, - and _ make no difference. Pods that find another
	// one serve on, and condition UnexpectedProduct names both: the node selector then matches nodes that it should not.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=128
	ExpectedProducts []string `json:"expectedProducts,omitempty"`
	// Labels of the namespaces that may use this class; all namespaces when left out. An operator that is held to some namespaces may not
	// read their labels: it knows kubernetes.io/metadata.name alone, and refuses a class that asks for others.
	// +optional
	AllowedNamespaces *metav1.LabelSelector `json:"allowedNamespaces,omitempty"`
	// Floor of the retention of all pools on this class, above what their specs say.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	MinRetentionPercent *int32 `json:"minRetentionPercent,omitempty"`
}

// GPUClass is one kind of GPU node, named by AirCacheDeployments in spec.gpuTypes[].gpuClassName.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=gpuc,categories=aircache,scope=Cluster
// +kubebuilder:printcolumn:name="GiB",type=integer,JSONPath=`.spec.memoryGiB`
// +kubebuilder:printcolumn:name="Resource",type=string,JSONPath=`.spec.resourceName`
// +kubebuilder:printcolumn:name="DeviceClass",type=string,JSONPath=`.spec.deviceClassName`
// +kubebuilder:printcolumn:name="Floor",type=integer,JSONPath=`.spec.minRetentionPercent`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must be at most 63 characters"
type GPUClass struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec GPUClassSpec `json:"spec"`
}

// GPUClassList is a list of GPUClass.
//
// +kubebuilder:object:root=true
type GPUClassList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []GPUClass `json:"items"`
}
