package v1alpha1

// CacheSpec says how the KV cache is compressed.
type CacheSpec struct {
	// Full keeps every token; the others choose which visual tokens stay. TGV and SnapKV are not supported yet.
	// +optional
	// +kubebuilder:default=AirCache
	Policy CachePolicy `json:"policy,omitempty"`
	// The share of visual tokens that stay.
	// +optional
	// +kubebuilder:default={minPercent:10,maxPercent:100}
	Retention Retention `json:"retention,omitzero"`
	// Adaptive gives each layer a share by its own scores; Uniform gives all layers the same.
	// +optional
	// +kubebuilder:default=Adaptive
	// +kubebuilder:validation:Enum=Adaptive;Uniform
	LayerBudget string `json:"layerBudget,omitempty"`
	// KV cache of one pod in MiB. When left out: half of the container's memory limit in a CPU pool, else what the runtime derives.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1048576
	KVCacheMiB *int32 `json:"kvCacheMiB,omitempty"`
}

// CachePolicy chooses the visual tokens that stay in the KV cache.
//
// +kubebuilder:validation:Enum=Full;AirCache;TGV;SnapKV
type CachePolicy string

const (
	// PolicyFull keeps every token.
	PolicyFull CachePolicy = "Full"
	// PolicyAirCache scores visual tokens by the attention of an elite window of text tokens.
	PolicyAirCache CachePolicy = "AirCache"
)

// Retention is the share of visual tokens that stay, in percent.
//
// +kubebuilder:validation:XValidation:rule="self.minPercent <= self.maxPercent",message="retention.minPercent must not exceed retention.maxPercent"
// +kubebuilder:validation:XValidation:rule="!has(self.percent) || (self.minPercent <= self.percent && self.percent <= self.maxPercent)",message="retention.percent must lie within minPercent and maxPercent"
type Retention struct {
	// The value of tuning mode Fixed, or where tuning starts; tuning starts at maxPercent when left out.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Percent *int32 `json:"percent,omitempty"`
	// The floor. Pods refuse a lower value, whoever sends it. A change of it rolls the pods.
	// +optional
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	MinPercent int32 `json:"minPercent,omitempty"`
	// The ceiling, and the value of a pod that no tuning has reached. A change of it rolls the pods.
	// +optional
	// +kubebuilder:default=100
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	MaxPercent int32 `json:"maxPercent,omitempty"`
}

// ObjectivesSpec is what tuning keeps with the highest retention that it can.
//
// +kubebuilder:validation:MinProperties=1
type ObjectivesSpec struct {
	// Time to first token, 95th percentile. Reported, and retention does not rise while it is broken; it is not lowered for it yet.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600000
	TTFTP95Milliseconds *int32 `json:"ttftP95Milliseconds,omitempty"`
	// Time between two tokens of an answer, 95th percentile. Reported, and retention does not rise while it is broken; it is
	// not lowered for it yet.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600000
	ITLP95Milliseconds *int32 `json:"itlP95Milliseconds,omitempty"`
	// Highest use of the fullest pod's KV cache, with the demand of requests that wait for room in it; 85 when left out.
	// +optional
	// +kubebuilder:validation:Minimum=10
	// +kubebuilder:validation:Maximum=98
	KVUtilizationPercent *int32 `json:"kvUtilizationPercent,omitempty"`
}

// QualitySpec guards the answers while retention is tuned.
type QualitySpec struct {
	// Least share of the attention mass that the kept tokens must hold, as a mean over requests; retention rises to where it
	// holds. 0 switches this guard off.
	// +optional
	// +kubebuilder:default=85
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	MinRecallPercent *int32 `json:"minRecallPercent,omitempty"`
	// Share of requests that are checked against the full cache; 0 switches this guard off. Not acted on yet.
	// +optional
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	ShadowSamplePermille *int32 `json:"shadowSamplePermille,omitempty"`
	// Least share of next tokens that must agree with the full cache. Not acted on yet.
	// +optional
	// +kubebuilder:default=97
	// +kubebuilder:validation:Minimum=50
	// +kubebuilder:validation:Maximum=100
	MinAgreementPercent int32 `json:"minAgreementPercent,omitempty"`
	// What happens when a guard is broken. Not acted on yet: retention is raised.
	// +optional
	// +kubebuilder:default=RaiseRetention
	// +kubebuilder:validation:Enum=RaiseRetention;FullCache;Hold
	OnViolation string `json:"onViolation,omitempty"`
}

// TuningMode is what the tuner may do.
//
// +kubebuilder:validation:Enum=Fixed;Recommend;Auto
type TuningMode string

const (
	// TuningFixed keeps cache.retention.percent.
	TuningFixed TuningMode = "Fixed"
	// TuningRecommend decides and reports, and changes nothing.
	TuningRecommend TuningMode = "Recommend"
	// TuningAuto changes the retention of running pods.
	TuningAuto TuningMode = "Auto"
)

// TuningSpec says how fast retention may move.
type TuningSpec struct {
	// Fixed keeps cache.retention.percent; Recommend decides and only reports; Auto changes the retention of running pods.
	// +optional
	// +kubebuilder:default=Auto
	Mode TuningMode `json:"mode,omitempty"`
	// Time between two looks at the pods.
	// +optional
	// +kubebuilder:default=15
	// +kubebuilder:validation:Minimum=2
	// +kubebuilder:validation:Maximum=600
	IntervalSeconds int32 `json:"intervalSeconds,omitempty"`
	// How long there must be headroom before retention rises.
	// +optional
	// +kubebuilder:default=120
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400
	StabilizationSeconds *int32 `json:"stabilizationSeconds,omitempty"`
	// Largest cut of one decision, in points of percent; a raise takes at most half of it.
	// +optional
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=50
	MaxStepPercent int32 `json:"maxStepPercent,omitempty"`
	// Share of the pods that try a lower value first; 0 changes all at once. Not acted on yet: all pods change at once.
	// +optional
	// +kubebuilder:default=100
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	CanaryPermille *int32 `json:"canaryPermille,omitempty"`
}
