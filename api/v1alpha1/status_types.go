package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AirCacheDeploymentStatus is what the operator saw and decided. It is written when it changes, never on a timer.
type AirCacheDeploymentStatus struct {
	// The generation of the spec that this status speaks of; -1 until the operator has seen the object.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Ready, Reconciling and Stalled follow kstatus; Reconciling and Stalled are there only while they are true.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// Pods that exist, ready or not.
	// +optional
	Replicas int32 `json:"replicas"`
	// Pods that serve.
	// +optional
	ReadyReplicas int32 `json:"readyReplicas"`
	// Pods that spec wants, also those that no GPU type may take.
	// +optional
	DesiredReplicas int32 `json:"desiredReplicas"`
	// Label selector of the pods, for autoscalers.
	// +optional
	Selector string `json:"selector,omitempty"`
	// Address of the OpenAI API inside the cluster.
	// +optional
	URL string `json:"url,omitempty"`
	// Digest of the model image, when the reference pins one, or the commit of the hub.
	// +optional
	ModelDigest string `json:"modelDigest,omitempty"`
	// Retention of the pools, as text.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Retention string `json:"retention,omitempty"`
	// Observed latency, as text; renewed with decisions and conditions, so it may be older than they are.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Latency string `json:"latency,omitempty"`
	// Observed quality, as text; renewed like latency.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Quality string `json:"quality,omitempty"`
	// One entry for each GPU type of spec.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Pools []PoolStatus `json:"pools,omitempty"`
}

// PoolStatus is the state of the pods of one GPU type.
type PoolStatus struct {
	// The GPU type's name.
	Name string `json:"name"`
	// The accelerator that the pods say they run on.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Product string `json:"product,omitempty"`
	// Pods that the type is given.
	// +optional
	DesiredReplicas int32 `json:"desiredReplicas"`
	// Pods that serve.
	// +optional
	ReadyReplicas int32 `json:"readyReplicas"`
	// Pods that no node has room for.
	// +optional
	PendingReplicas int32 `json:"pendingReplicas"`
	// Why pods have no node, or replicas were moved to later types, as in condition CapacityAvailable.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	CapacityReason string `json:"capacityReason,omitempty"`
	// The words of the node autoscaler, else of the scheduler, about it.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	CapacityMessage string `json:"capacityMessage,omitempty"`
	// What is remembered of a type whose nodes ran out.
	// +optional
	Placement PoolPlacement `json:"placement,omitzero"`
	// The retention of the pool.
	// +optional
	Tuning PoolTuning `json:"tuning,omitzero"`
	// The measured quality; renewed with decisions and conditions, so it may be older than they are.
	// +optional
	Quality PoolQuality `json:"quality,omitzero"`
	// The newest decisions of the tuner, oldest first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Decisions []Decision `json:"decisions,omitempty"`
}

// PoolPlacement is what placement goes on from after a restart of the operator.
type PoolPlacement struct {
	// Since when pods have found no node.
	// +optional
	StuckTime *metav1.Time `json:"stuckTime,omitempty"`
	// The type ran out of nodes and gets no more pods than these until retryTime; left out when it did not.
	// +optional
	HeldReplicas *int32 `json:"heldReplicas,omitempty"`
	// When one pod more tries whether there are nodes again.
	// +optional
	RetryTime *metav1.Time `json:"retryTime,omitempty"`
	// That pod is there.
	// +optional
	Probing bool `json:"probing,omitempty"`
}

// MaxDecisions is how many decisions a pool keeps in status.
const MaxDecisions = 10

// PoolTuning is the retention of one pool: what is asked of the pods, within which bounds, and why. After a restart of the operator
// the tuner goes on from targetPermille, (epoch, revision), lastKnownGoodPermille, agreementFloorPermille and learned.
type PoolTuning struct {
	// The retention that the pods are asked for.
	// +optional
	TargetPermille int32 `json:"targetPermille,omitempty"`
	// The lowest value that the tuner may choose: the floor of the spec, raised by the quality guard.
	// +optional
	LowerBoundPermille int32 `json:"lowerBoundPermille,omitempty"`
	// The highest value that the tuner may choose.
	// +optional
	UpperBoundPermille int32 `json:"upperBoundPermille,omitempty"`
	// The newest value that had headroom for the stabilisation time.
	// +optional
	LastKnownGoodPermille int32 `json:"lastKnownGoodPermille,omitempty"`
	// Below this agreement with the full cache is believed to be too low, since it was; it sinks with time, and is left out while
	// agreement asks for nothing.
	// +optional
	AgreementFloorPermille int32 `json:"agreementFloorPermille,omitempty"`
	// A lower value that canaryPermille of the requests try, while it is on trial.
	// +optional
	CandidatePermille int32 `json:"candidatePermille,omitempty"`
	// Share of the requests that get candidatePermille.
	// +optional
	CanaryPermille int32 `json:"canaryPermille,omitempty"`
	// What mode Recommend would set.
	// +optional
	RecommendedPermille int32 `json:"recommendedPermille,omitempty"`
	// Pods that the tuner would have: more when pressure stays though retention is at its lower bound or cannot help, fewer when one
	// less could still run at the maximum; else as many as the pool is to have. Never above the type's maxReplicas. Left out while
	// nothing is known. The operator acts on it with autoscaling.mode Managed.
	// +optional
	RecommendedReplicas int32 `json:"recommendedReplicas,omitempty"`
	// What the tuner learned of the pool, for its next start; renewed with decisions, so it may be older than they are.
	// +optional
	Learned *LearnedTuning `json:"learned,omitempty"`
	// Grows with each change of the target within an epoch.
	// +optional
	Revision int64 `json:"revision,omitempty"`
	// Grows with the first change that another leader makes, and revisions start anew; pods refuse what is older by (epoch, revision).
	// +optional
	Epoch int64 `json:"epoch,omitempty"`
	// Ready pods that have acknowledged this revision.
	// +optional
	AckedReplicas int32 `json:"ackedReplicas"`
	// Why the target is what it is: the reason of the decision that set it.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`
	// When the target changed last.
	// +optional
	LastChangeTime *metav1.Time `json:"lastChangeTime,omitempty"`
}

// LearnedTuning is the tuner's model of a pool in whole numbers.
type LearnedTuning struct {
	// Of these fields. An operator that does not know the version learns anew.
	Version int32 `json:"version"`
	// Number of the model and the cache's policy that it was learned of.
	// +optional
	Subject int64 `json:"subject,omitempty"`
	// Share of text among the KV tokens at full retention.
	// +optional
	TextSharePermille int32 `json:"textSharePermille,omitempty"`
	// A decode step takes stepBaseNanos + stepPerThousandTokenNanos for each 1000 KV tokens + stepPerSequenceNanos for each sequence.
	// +optional
	StepBaseNanos int64 `json:"stepBaseNanos,omitempty"`
	// +optional
	StepPerThousandTokenNanos int64 `json:"stepPerThousandTokenNanos,omitempty"`
	// +optional
	StepPerSequenceNanos int64 `json:"stepPerSequenceNanos,omitempty"`
	// Standard deviation of a window's mean step around that.
	// +optional
	StepDeviationNanos int64 `json:"stepDeviationNanos,omitempty"`
	// The recall that agreement showed to be enough.
	// +optional
	CalibratedRecallPermille int32 `json:"calibratedRecallPermille,omitempty"`
	// The highest retention that agreement was too low at: below it nothing goes to all requests without a trial.
	// +optional
	FailedPermille int32 `json:"failedPermille,omitempty"`
	// How long the agreement floor still stands, and how often it was broken, as a power of 2.
	// +optional
	BackoffSeconds int32 `json:"backoffSeconds,omitempty"`
	// +optional
	Backoff int32 `json:"backoff,omitempty"`
}

// PoolQuality is how good the answers of a pool are.
type PoolQuality struct {
	// Share of the visual tokens' scores, as cache.policy scores them, that the kept ones hold; a mean over requests.
	// +optional
	RecallPermille int32 `json:"recallPermille,omitempty"`
	// Share of the compared tokens that are those of the full cache, at the retention in force; left out while fewer than 20 requests
	// were compared.
	// +optional
	AgreementPermille int32 `json:"agreementPermille,omitempty"`
	// Requests that agreementPermille comes from, at most 500.
	// +optional
	ComparedRequests int32 `json:"comparedRequests,omitempty"`
}

// Decision is one change that the tuner made (or, in mode Recommend, would make) with the numbers that caused it.
type Decision struct {
	// When it was decided.
	Time metav1.Time `json:"time"`
	// Lower, Raise or Recommend; Try where a share of the requests starts, or ends, to try another value.
	// +kubebuilder:validation:MaxLength=32
	Action string `json:"action"`
	// The retention before.
	// +optional
	FromPermille int32 `json:"fromPermille,omitempty"`
	// The retention after.
	// +optional
	ToPermille int32 `json:"toPermille,omitempty"`
	// What caused it, in one word.
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason"`
	// What caused it, with the numbers.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}
