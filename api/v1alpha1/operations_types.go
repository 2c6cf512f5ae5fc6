package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
)

// AutoscalingManaged lets the tuner set the number of pods.
const AutoscalingManaged = "Managed"

// AutoscalingSpec says who sets the number of replicas.
//
// +kubebuilder:validation:XValidation:rule="self.mode != 'Managed' || (has(self.minReplicas) && has(self.maxReplicas))",message="autoscaling.mode Managed needs minReplicas and maxReplicas"
// +kubebuilder:validation:XValidation:rule="!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas",message="autoscaling.minReplicas must not exceed maxReplicas"
type AutoscalingSpec struct {
	// External: spec.replicas or an autoscaler through the scale subresource. Managed: what the tuner recommends for the pools together
	// (status.pools[].tuning.recommendedReplicas), within the bounds; from minReplicas on.
	// +kubebuilder:validation:Enum=External;Managed
	Mode string `json:"mode"`
	// Least number of pods of mode Managed. Idling at zero is for mode External: only who sees requests before the Service does can wake it.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	MinReplicas *int32 `json:"minReplicas,omitempty"`
	// Most pods of mode Managed.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	MaxReplicas *int32 `json:"maxReplicas,omitempty"`
}

// Strategies of placement.
const (
	// PlacementOrdered fills the GPU types in order, one Deployment for each.
	PlacementOrdered = "Ordered"
	// PlacementAny lets the cluster choose the GPU type, one Deployment for all.
	PlacementAny = "Any"
)

// PlacementSpec says how replicas spread over the GPU types.
type PlacementSpec struct {
	// Ordered fills each type up to its maxReplicas before the next, and moves a replica to the next type when its node cannot be had.
	// Any makes one pool, named any, whose pods may run on the nodes of every type, of earlier ones where there is a choice; the
	// highest of the types' retention floors holds for all of its pods, and the types need the same count and the same resource.
	// +optional
	// +kubebuilder:default=Ordered
	// +kubebuilder:validation:Enum=Ordered;Any
	Strategy string `json:"strategy,omitempty"`
	// How long a pod may wait for a node before its replica moves to the next type of strategy Ordered. Nodes with GPUs take minutes to
	// start: less than that buys two. A pod for which a node autoscaler says that it has no capacity does not wait.
	// +optional
	// +kubebuilder:default=180
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400
	FallbackAfterSeconds *int32 `json:"fallbackAfterSeconds,omitempty"`
	// How long a type that ran out of nodes is left alone. Then one pod more tries it, and replicas move back one by one, each after the
	// pod in its new place serves.
	// +optional
	// +kubebuilder:default=1800
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=604800
	ReturnAfterSeconds int32 `json:"returnAfterSeconds,omitempty"`
}

// RolloutSpec says how a changed template reaches the pods.
type RolloutSpec struct {
	// Surge adds a pod before one goes; InPlace takes one away first. Adaptive starts as Surge does. Where the pod that is added gets no
	// node for surgeTimeoutSeconds, or no quota, the rest of that rollout is done InPlace. A pod that goes finishes its requests first.
	// +optional
	// +kubebuilder:default=Adaptive
	// +kubebuilder:validation:Enum=Adaptive;Surge;InPlace
	Strategy string `json:"strategy,omitempty"`
	// How long Adaptive waits for a node for the pod that it added, at most half of progressDeadlineSeconds.
	// +optional
	// +kubebuilder:default=300
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400
	SurgeTimeoutSeconds *int32 `json:"surgeTimeoutSeconds,omitempty"`
	// A rollout without progress for so long is reported as Stalled, until it goes on.
	// +optional
	// +kubebuilder:default=3600
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=604800
	ProgressDeadlineSeconds int32 `json:"progressDeadlineSeconds,omitempty"`
	// Pinned keeps the pods as they are when the operator is upgraded, until spec changes something of them: condition UpgradeAvailable
	// then says what the new operator would change. Latest takes its changes at once; Pinned after Latest keeps what Latest brought.
	// +optional
	// +kubebuilder:default=Pinned
	// +kubebuilder:validation:Enum=Pinned;Latest
	OperatorUpgrade string `json:"operatorUpgrade,omitempty"`
}

// Values of network.policy.
const (
	// NetworkRestricted makes a NetworkPolicy.
	NetworkRestricted = "Restricted"
	// NetworkOff makes none.
	NetworkOff = "Off"
)

// Values of rollout.strategy.
const (
	// RolloutAdaptive adds a pod first, and takes one away first where there is no room.
	RolloutAdaptive = "Adaptive"
	// RolloutSurge adds a pod first.
	RolloutSurge = "Surge"
	// RolloutInPlace takes a pod away first.
	RolloutInPlace = "InPlace"
)

// Values of rollout.operatorUpgrade.
const (
	// OperatorUpgradePinned keeps the pods as they are when the operator is upgraded.
	OperatorUpgradePinned = "Pinned"
	// OperatorUpgradeLatest rolls them.
	OperatorUpgradeLatest = "Latest"
)

// LifecycleSpec bounds the start and the end of a pod.
type LifecycleSpec struct {
	// A pod that does not serve after so long is restarted.
	// +optional
	// +kubebuilder:default=3600
	// +kubebuilder:validation:Minimum=30
	// +kubebuilder:validation:Maximum=86400
	StartupTimeoutSeconds int32 `json:"startupTimeoutSeconds,omitempty"`
	// How long running requests may take to finish when a pod ends.
	// +optional
	// +kubebuilder:default=100
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=3600
	DrainSeconds *int32 `json:"drainSeconds,omitempty"`
	// How long a node autoscaler is asked to leave a starting pod alone; 0 asks nothing.
	// +optional
	// +kubebuilder:default=1800
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400
	ProtectStartupSeconds *int32 `json:"protectStartupSeconds,omitempty"`
}

// RuntimeSpec is the container that serves the model.
type RuntimeSpec struct {
	// The runtime's image; the operator's --runtime-image when left out.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^\S+$`
	Image string `json:"image,omitempty"`
	// For the runtime's image and a model image.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=4
	ImagePullSecrets []ImagePullSecret `json:"imagePullSecrets,omitempty"`
	// CPU and memory of a pod.
	// +optional
	Resources ResourcesSpec `json:"resources,omitzero"`
	// The pods' account, for pull secrets and policies; no token of it is mounted.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// API keys that requests must bring, one a line in one key of a Secret; without it nobody is asked. A changed Secret reaches
	// running pods within about two minutes.
	// +optional
	APIKeySecretRef *SecretKeyReference `json:"apiKeySecretRef,omitempty"`
}

// ImagePullSecret names a Secret in the object's namespace that the kubelet uses to pull images.
type ImagePullSecret struct {
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// ResourcesSpec is CPU, memory and other resources of the container; GPUs come from gpuTypes[].count.
type ResourcesSpec struct {
	// +optional
	// +kubebuilder:validation:MaxProperties=8
	Requests corev1.ResourceList `json:"requests,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxProperties=8
	Limits corev1.ResourceList `json:"limits,omitempty"`
}

// NetworkSpec says who may reach the pods.
type NetworkSpec struct {
	// Restricted makes a NetworkPolicy: requests come from the object's namespace, the namespaces below and those that the operator was
	// installed to allow; the control port is the operator's alone; pods reach the public Internet for pictures, and their model's source.
	// Off makes none.
	// +optional
	// +kubebuilder:default=Restricted
	// +kubebuilder:validation:Enum=Restricted;Off
	Policy string `json:"policy,omitempty"`
	// Labels of further namespaces that may send requests and read metrics; a namespace needs all of them.
	// +optional
	// +kubebuilder:validation:MaxProperties=8
	AllowFromNamespaceLabels map[string]string `json:"allowFromNamespaceLabels,omitempty"`
}
