package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AirCacheDeploymentSpec says which model to serve, where, and what the compressed KV cache must achieve.
//
// +kubebuilder:validation:XValidation:rule="!has(self.replicas) || self.replicas == 1 || !has(self.autoscaling) || self.autoscaling.mode != 'Managed'",message="replicas must be left out when autoscaling.mode is Managed"
// +kubebuilder:validation:XValidation:rule="self.cache.policy != 'Full' || self.tuning.mode == 'Fixed'",message="cache.policy Full needs tuning.mode Fixed"
// +kubebuilder:validation:XValidation:rule="self.cache.policy != 'Full' || !has(self.cache.retention.percent) || self.cache.retention.percent == 100",message="cache.policy Full keeps everything: leave cache.retention.percent out or set it to 100"
// +kubebuilder:validation:XValidation:rule="self.tuning.mode != 'Fixed' || self.cache.policy == 'Full' || has(self.cache.retention.percent)",message="tuning.mode Fixed needs cache.retention.percent"
// +kubebuilder:validation:XValidation:rule="self.tuning.mode != 'Auto' || self.cache.retention.minPercent >= 50 || self.quality.minRecallPercent > 0 || self.quality.shadowSamplePermille > 0",message="tuning.mode Auto with cache.retention.minPercent below 50 needs a quality guard: quality.minRecallPercent or quality.shadowSamplePermille above 0"
// +kubebuilder:validation:XValidation:rule="self.gpuTypes.all(g, !has(g.retention) || !has(g.retention.minPercent) || g.retention.minPercent >= self.cache.retention.minPercent)",message="gpuTypes[].retention.minPercent may raise cache.retention.minPercent, not lower it"
// +kubebuilder:validation:XValidation:rule="self.gpuTypes.all(g, !has(g.retention) || !has(g.retention.minPercent) || g.retention.minPercent <= self.cache.retention.maxPercent)",message="gpuTypes[].retention.minPercent must not exceed cache.retention.maxPercent"
// +kubebuilder:validation:XValidation:rule="self.placement.strategy != 'Any' || self.gpuTypes.all(g, g.count == self.gpuTypes[0].count)",message="placement.strategy Any needs the same count on every gpuType"
// +kubebuilder:validation:XValidation:rule="self.placement.strategy != 'Any' || self.gpuTypes.all(g, !has(g.maxReplicas))",message="gpuTypes[].maxReplicas needs placement.strategy Ordered: with Any the scheduler chooses the type of a pod"
type AirCacheDeploymentSpec struct {
	// What is served, and the limits of a request to it.
	Model ModelSpec `json:"model"`
	// GPU types in order of preference. Each becomes one pool of equal pods, a Deployment named <object>-<type>; with
	// placement.strategy Any all of them become one, named <object>-any.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	GPUTypes []GPUType `json:"gpuTypes"`
	// How the KV cache is compressed, and within which bounds.
	// +optional
	// +kubebuilder:default={policy:AirCache,retention:{minPercent:10,maxPercent:100}}
	Cache CacheSpec `json:"cache,omitzero"`
	// What must hold at the highest retention possible; without it, 85 % of the KV cache.
	// +optional
	Objectives *ObjectivesSpec `json:"objectives,omitempty"`
	// Limits below which the quality of the answers must not fall.
	// +optional
	// +kubebuilder:default={minRecallPercent:85,shadowSamplePermille:10,minAgreementPercent:97,onViolation:RaiseRetention}
	Quality QualitySpec `json:"quality,omitzero"`
	// Who decides the retention, and how fast it may move.
	// +optional
	// +kubebuilder:default={mode:Auto,intervalSeconds:15,stabilizationSeconds:120,maxStepPercent:10,canaryPermille:100}
	Tuning TuningSpec `json:"tuning,omitzero"`
	// Pods over all pools. Leave it out of the manifest when an autoscaler owns the scale subresource: it starts from 1.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	Replicas *int32 `json:"replicas,omitempty"`
	// Who sets replicas; External when left out.
	// +optional
	Autoscaling *AutoscalingSpec `json:"autoscaling,omitempty"`
	// How replicas spread over the GPU types.
	// +optional
	// +kubebuilder:default={strategy:Ordered,fallbackAfterSeconds:180,returnAfterSeconds:1800}
	Placement PlacementSpec `json:"placement,omitzero"`
	// How a change reaches the pods.
	// +optional
	// +kubebuilder:default={strategy:Adaptive,surgeTimeoutSeconds:300,progressDeadlineSeconds:3600,operatorUpgrade:Pinned}
	Rollout RolloutSpec `json:"rollout,omitzero"`
	// Time limits of a pod's start and end.
	// +optional
	// +kubebuilder:default={startupTimeoutSeconds:3600,drainSeconds:100,protectStartupSeconds:1800}
	Lifecycle LifecycleSpec `json:"lifecycle,omitzero"`
	// The container that serves the model.
	// +optional
	Runtime RuntimeSpec `json:"runtime,omitzero"`
	// Who may reach the pods, where the cluster enforces NetworkPolicies.
	// +optional
	// +kubebuilder:default={policy:Restricted}
	Network NetworkSpec `json:"network,omitzero"`
	// While true nothing is created, changed or tuned; status is still reported, and Reconciling says what waits.
	// +optional
	Paused bool `json:"paused,omitempty"`
}

// AirCacheDeployment serves one model over an ordered list of GPU types with a compressed KV cache whose retention is tuned live.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:resource:shortName=acd,categories=aircache,scope=Namespaced
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Serving",type=integer,JSONPath=`.status.readyReplicas`
// +kubebuilder:printcolumn:name="Desired",type=integer,JSONPath=`.status.desiredReplicas`
// +kubebuilder:printcolumn:name="Retention",type=string,JSONPath=`.status.retention`
// +kubebuilder:printcolumn:name="Latency",type=string,JSONPath=`.status.latency`
// +kubebuilder:printcolumn:name="Quality",type=string,JSONPath=`.status.quality`
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.tuning.mode`,priority=1
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.status.url`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 45 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must be a DNS label that starts with a letter, of at most 45 characters"
type AirCacheDeployment struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec AirCacheDeploymentSpec `json:"spec"`
	// +optional
	// +kubebuilder:default={observedGeneration:-1,replicas:0,readyReplicas:0,desiredReplicas:0}
	Status AirCacheDeploymentStatus `json:"status,omitzero"`
}

// AirCacheDeploymentList is a list of AirCacheDeployment.
//
// +kubebuilder:object:root=true
type AirCacheDeploymentList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AirCacheDeployment `json:"items"`
}
