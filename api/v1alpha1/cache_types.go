package v1alpha1

// CacheSpec says how the KV cache is compressed. A change of it rolls the pods, but for retention.percent.
//
// +kubebuilder:validation:XValidation:rule="!has(self.options) || self.policy == 'AirCache'",message="cache.options are those of policy AirCache"
type CacheSpec struct {
	// Full keeps every token; the others choose by the question which visual tokens stay: AirCache by the text rows that the last
	// one attends to, TGV by all text after the pictures, SnapKV by the last 32 rows.
	// +optional
	// +kubebuilder:default=AirCache
	Policy CachePolicy `json:"policy,omitempty"`
	// The share of visual tokens that stay.
	// +optional
	// +kubebuilder:default={minPercent:10,maxPercent:100}
	Retention Retention `json:"retention,omitzero"`
	// How policy AirCache shares among the layers what stays: by the strength or the skewness of their scores, by both (Adaptive),
	// or the same for all (Uniform). When left out, the runtime's own default. The other policies have their own way.
	// +optional
	// +kubebuilder:validation:Enum=Adaptive;Strength;Skewness;Uniform
	LayerBudget string `json:"layerBudget,omitempty"`
	// Options of policy AirCache. What is left out has the runtime's own default.
	// +optional
	Options *CacheOptions `json:"options,omitempty"`
	// Where the next turn of a conversation finds the prompt of those before: recomputed but for the full pages that are still there
	// (Recompute), those moved to host memory when their room is needed (OffloadFull), or the compressed cache of the turn before
	// (Keep, whose answers may differ from Recompute's). A change of it rolls the pods.
	// +optional
	// +kubebuilder:validation:Enum=Recompute;Keep;OffloadFull
	MultiTurn string `json:"multiTurn,omitempty"`
	// KV cache of one pod in MiB. When left out: half of the container's memory limit in a CPU pool, else what the runtime derives.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1048576
	KVCacheMiB *int32 `json:"kvCacheMiB,omitempty"`
}

// CacheOptions are the options of policy AirCache.
//
// +kubebuilder:validation:MinProperties=1
type CacheOptions struct {
	// What the other options and layerBudget start from: Paper is AirCache as published; when left out, what the runtime's makers
	// measured to be best.
	// +optional
	// +kubebuilder:validation:Enum=Paper
	Preset string `json:"preset,omitempty"`
	// Which text rows look at the pictures: those that the last one attends to (Elite), the last 16 or 32, or all after the pictures.
	// +optional
	// +kubebuilder:validation:Enum=Elite;Last16;Last32;AllText
	Window string `json:"window,omitempty"`
	// A row is in window Elite from this share of the highest attention on: at 100 only the most attended one is, at 0 all are.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	AlphaPercent *int32 `json:"alphaPercent,omitempty"`
	// Whether all KV heads of a layer keep the same tokens (Layer), or each its own, equally many (KVHead).
	// +optional
	// +kubebuilder:validation:Enum=Layer;KVHead
	Granularity string `json:"granularity,omitempty"`
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
	// PolicyTGV scores them by the attention of all text after the pictures, each row weighed by what later text pays to it.
	PolicyTGV CachePolicy = "TGV"
	// PolicySnapKV scores them by the attention of the last 32 rows, smoothed over neighbours.
	PolicySnapKV CachePolicy = "SnapKV"
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
	// Time to first token, 95th percentile. While it is broken and requests wait, retention falls if that is predicted to free enough of
	// the pods' time; if not (prefill takes it), condition ObjectivesMet says CompressionCannotHelp.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600000
	TTFTP95Milliseconds *int32 `json:"ttftP95Milliseconds,omitempty"`
	// Time between two tokens of an answer, 95th percentile. While it is broken, retention falls if the pods' own decode steps say that
	// it helps.
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
	// Least share of the visual tokens' scores that the kept ones must hold, for nine of ten requests; retention rises to where it
	// holds. The scores are those of cache.policy: under another policy the same number asks for something else. Where compared
	// requests (shadowSamplePermille) make it sure that minAgreementPercent holds, the recall there is enough, whatever this field
	// asks: agreement calibrates recall. 0 switches this guard off.
	// +optional
	// +kubebuilder:default=85
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	MinRecallPercent *int32 `json:"minRecallPercent,omitempty"`
	// Share of compressed requests whose first tokens are compared with the full cache's; 0 switches this guard off. Each takes up
	// to 16 more decoding steps, and room for its whole prompt, without which it is left out. A change of it rolls the pods.
	// +optional
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	ShadowSamplePermille *int32 `json:"shadowSamplePermille,omitempty"`
	// Least share of the compared tokens that must be those of the full cache. When 20 or more compared requests make it sure (95 %)
	// that fewer are, retention rises, and stays up for ten minutes, longer each time.
	// +optional
	// +kubebuilder:default=97
	// +kubebuilder:validation:Minimum=50
	// +kubebuilder:validation:Maximum=100
	MinAgreementPercent int32 `json:"minAgreementPercent,omitempty"`
	// What happens when a guard is broken. RaiseRetention goes to the smallest retention that is believed to be good, at once. FullCache
	// goes to maxPercent at once and stays there for ten minutes, twice as long with each further violation, up to 160 minutes. Hold
	// moves nothing, neither up nor down, until the guard holds again or the spec changes: condition QualityHealthy says what is broken.
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
	// Largest cut of one decision, in points of percent; a raise starts at half of it and doubles while raises hold, to four times it.
	// +optional
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=50
	MaxStepPercent int32 `json:"maxStepPercent,omitempty"`
	// Share of each pod's requests that try a lower retention before all get it, where neither minRecallPercent nor compared requests
	// have shown that it is good. Each of them is compared with the full cache at both values; the new one is taken when 95 % sure that
	// minAgreementPercent holds, and dropped when sure that it does not. Pressure lowers the retention at once within what is proven.
	// 0 lets all try at once. Without shadowSamplePermille nothing can be compared, and nothing is tried.
	// +optional
	// +kubebuilder:default=100
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	CanaryPermille *int32 `json:"canaryPermille,omitempty"`
}
