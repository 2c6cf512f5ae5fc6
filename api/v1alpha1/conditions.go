package v1alpha1

// Condition types of an AirCacheDeployment. Reconciling and Stalled, as kstatus expects, UnexpectedProduct and AutoscalerConflict exist
// only while they are true; every other one stays once it was set. Tuning never changes Ready.
const (
	// ConditionReady is true when the model answers (or is meant to be idle).
	ConditionReady = "Ready"
	// ConditionReconciling is true while the pods are on their way to what spec says.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is true when the operator cannot go on without help.
	ConditionStalled = "Stalled"
	// ConditionCapacityAvailable is true when every pod has a node.
	ConditionCapacityAvailable = "CapacityAvailable"
	// ConditionTuningActive is true when the tuner steers retention (or recommends it).
	ConditionTuningActive = "TuningActive"
	// ConditionMetricsAvailable is true when the pods' metrics are fresh.
	ConditionMetricsAvailable = "MetricsAvailable"
	// ConditionObjectivesMet is true when every objective of the spec holds.
	ConditionObjectivesMet = "ObjectivesMet"
	// ConditionQualityHealthy is true when the quality guards hold; Unknown when nothing tells.
	ConditionQualityHealthy = "QualityHealthy"
	// ConditionAutoscalerConflict is true while an autoscaler sets the replicas of a child, which are left to it then. It should scale the
	// AirCacheDeployment.
	ConditionAutoscalerConflict = "AutoscalerConflict"
	// ConditionUnexpectedProduct is true while pods run on a product that their GPUClass does not expect. They go on serving.
	ConditionUnexpectedProduct = "UnexpectedProduct"
	// ConditionUpgradeAvailable is true while pods run a template of an earlier operator that this one would make otherwise; the message
	// says what would change.
	ConditionUpgradeAvailable = "UpgradeAvailable"
)

// Reasons of Ready.
const (
	// ReasonAvailable: every wanted pod is ready.
	ReasonAvailable = "Available"
	// ReasonIdle: no pod is wanted.
	ReasonIdle = "Idle"
	// ReasonDegraded: some wanted pods are ready, or pods that are about to go still serve; the model answers.
	ReasonDegraded = "Degraded"
	// ReasonNotServing: no pod is ready.
	ReasonNotServing = "NotServing"
	// ReasonPaused: spec.paused is true and the pods were left as they are. Of Reconciling: spec says something else by now.
	ReasonPaused = "Paused"
)

// Reasons of Reconciling.
const (
	// ReasonRollingOut: pods of an older template are being replaced.
	ReasonRollingOut = "RollingOut"
	// ReasonWaitingForNodes: pods wait for a node.
	ReasonWaitingForNodes = "WaitingForNodes"
	// ReasonLoadingModel: pods run and are not ready yet.
	ReasonLoadingModel = "LoadingModel"
	// ReasonScaling: pods are being added or removed.
	ReasonScaling = "Scaling"
	// ReasonDraining: pods that go finish their requests.
	ReasonDraining = "Draining"
)

// Reasons of Stalled.
const (
	// ReasonGPUClassNotFound: a GPUClass that spec names does not exist.
	ReasonGPUClassNotFound = "GPUClassNotFound"
	// ReasonGPUClassNotAllowed: the namespace may not use a GPUClass.
	ReasonGPUClassNotAllowed = "GPUClassNotAllowed"
	// ReasonInvalidPlacement: the GPU types of placement.strategy Any differ in what one pod template must say.
	ReasonInvalidPlacement = "InvalidPlacement"
	// ReasonQuotaExceeded: a ResourceQuota refuses the pods.
	ReasonQuotaExceeded = "QuotaExceeded"
	// ReasonModelNotFound: the model's image or claim does not exist, or its hub or store does not have it or does not show it.
	ReasonModelNotFound = "ModelNotFound"
	// ReasonModelUnavailable: pods cannot fetch the model: its source does not answer, its files are damaged, the disk is full.
	ReasonModelUnavailable = "ModelUnavailable"
	// ReasonModelTooLarge: the model does not fit the memory of a pod's device.
	ReasonModelTooLarge = "ModelTooLarge"
	// ReasonProgressDeadlineExceeded: a rollout made no progress for rollout.progressDeadlineSeconds.
	ReasonProgressDeadlineExceeded = "ProgressDeadlineExceeded"
	// ReasonImagePullFailed: the kubelet cannot pull the runtime's image.
	ReasonImagePullFailed = "ImagePullFailed"
	// ReasonCrashLooping: pods end again and again.
	ReasonCrashLooping = "CrashLooping"
	// ReasonPodsRejected: the API server refuses the pods (admission, policy).
	ReasonPodsRejected = "PodsRejected"
	// ReasonNameConflict: an object with a child's name exists, and was not made for this object.
	ReasonNameConflict = "NameConflict"
	// ReasonInvalidChild: the API server refuses an object that was made from spec.
	ReasonInvalidChild = "InvalidChild"
)

// Reasons of CapacityAvailable.
const (
	// ReasonAllScheduled: every pod has a node.
	ReasonAllScheduled = "AllScheduled"
	// ReasonWaitingForNode: a pod has no node yet.
	ReasonWaitingForNode = "WaitingForNode"
	// ReasonFallbackActive: every pod has a node, but replicas are on a later GPU type, for an earlier one ran out.
	ReasonFallbackActive = "FallbackActive"
	// ReasonNoCapacity: a node autoscaler says that it cannot get a node for a pod.
	ReasonNoCapacity = "NoCapacity"
	// ReasonSpotInterrupted: pods of a type with capacityTypes Spot lost their nodes, and those in their place have none yet.
	ReasonSpotInterrupted = "SpotInterrupted"
	// ReasonUnschedulable: no node fits a pod.
	ReasonUnschedulable = "Unschedulable"
)

// Reasons of TuningActive.
const (
	// ReasonConverged: nothing to change.
	ReasonConverged = "Converged"
	// ReasonAdjusting: the target moved and pods follow.
	ReasonAdjusting = "Adjusting"
	// ReasonHeld: the target is held; the message says why.
	ReasonHeld = "Held"
	// ReasonRecommending: decisions are reported, not applied.
	ReasonRecommending = "Recommending"
	// ReasonFixed: tuning.mode is Fixed.
	ReasonFixed = "Fixed"
	// ReasonLowConfidence: too little was observed to decide.
	ReasonLowConfidence = "LowConfidence"
)

// ReasonProductMismatch is the reason of UnexpectedProduct: the pods' product is none of the class's expectedProducts.
const ReasonProductMismatch = "ProductMismatch"

// ReasonReplicasContested is the reason of AutoscalerConflict.
const ReasonReplicasContested = "ReplicasContested"

// Reasons of MetricsAvailable.
const (
	// ReasonFresh: every ready pod answered.
	ReasonFresh = "Fresh"
	// ReasonStale: no pod answered.
	ReasonStale = "Stale"
	// ReasonPartialScrape: some pods answered.
	ReasonPartialScrape = "PartialScrape"
)

// Reasons of ObjectivesMet.
const (
	// ReasonMet: every objective holds.
	ReasonMet = "Met"
	// ReasonLatencyBreach: a latency objective is broken.
	ReasonLatencyBreach = "LatencyBreach"
	// ReasonKVPressure: the KV cache is fuller than its objective.
	ReasonKVPressure = "KVPressure"
	// ReasonCompressionCannotHelp: a lower retention would not restore the objective.
	ReasonCompressionCannotHelp = "CompressionCannotHelp"
)

// Reasons of QualityHealthy.
const (
	// ReasonAgreeing: recall and agreement with the full cache are as asked, as far as they are measured.
	ReasonAgreeing = "Agreeing"
	// ReasonViolated: recall or agreement is below what is asked.
	ReasonViolated = "Violated"
	// ReasonGuardOff: no guard is configured.
	ReasonGuardOff = "GuardOff"
	// ReasonInsufficientSamples: too little was sampled to say.
	ReasonInsufficientSamples = "InsufficientSamples"
)

// Reasons of UpgradeAvailable.
const (
	// ReasonPinned: pods keep the template that an earlier operator made.
	ReasonPinned = "Pinned"
	// ReasonUpToDate: this operator would make the same pods.
	ReasonUpToDate = "UpToDate"
)

// ReasonUnknown is the reason of a condition about which nothing was observed yet.
const ReasonUnknown = "Unknown"

// EventUpgradeAvailable is the reason of the event that says what an upgraded operator would change of the pods.
const EventUpgradeAvailable = "UpgradeAvailable"

// EventRollingInPlace is the reason of the event that says that a rollout goes on without one pod more.
const EventRollingInPlace = "RollingInPlace"

// EventImageByTag is the reason of the warning event about a model or runtime image that is named by tag.
const EventImageByTag = "ImageByTag"
