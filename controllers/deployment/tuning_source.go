package deployment

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"aircache.dev/aircache/api/v1alpha1"
)

// TuningSource is the tuner loop as the reconciler sees it: the newest result for each object, and a wake-up when status must change.
//
// The reconciler alone writes status and the tuning ConfigMap; the source alone moves targets and revisions. A pool that has neither a
// result nor a value in status gets render.StartTuning (epoch 1, revision 1), and the source goes on from there: after a restart of the
// operator it seeds itself from status.pools[].tuning. When an edited spec leaves a target outside its bounds, the source moves it with
// the next revision; until then pods hold what they have.
type TuningSource interface {
	// Get is the newest result for the object; false when there is none yet. It must not block. The result is not changed afterwards.
	Get(object types.UID) (TuningResult, bool)
	// Changes sends an object (namespace and name are enough) whenever its result differs in something that belongs into status or the
	// ConfigMap. It is read by one controller, from its start to its end.
	Changes() <-chan event.GenericEvent
}

// TuningResult is what the tuner decided and saw for one object.
type TuningResult struct {
	// Pools by name. A pool that is missing keeps what status says.
	Pools map[string]PoolResult
	// A condition whose Status is empty keeps what status says, Unknown at first.
	TuningActive     ConditionResult
	MetricsAvailable ConditionResult
	ObjectivesMet    ConditionResult
	QualityHealthy   ConditionResult
	// Latency and Quality are the texts of the columns, such as "ttft p95 0.42 s, itl p95 31 ms" and "recall 93%, agreement 98%". Status follows each
	// change of them, so the source rounds them and renews them with decisions, not with every look at the pods.
	Latency, Quality string
}

// PoolResult is the part of one pool.
type PoolResult struct {
	// Product that the pods report; "" when not known.
	Product string
	Tuning  v1alpha1.PoolTuning
	// SaidOfReplicas is how many pods the pool was to have when Tuning.RecommendedReplicas was said.
	SaidOfReplicas int32
	// Quality as it was measured; renewed like the texts of the columns.
	Quality v1alpha1.PoolQuality
	// Decisions, oldest first. Those that are newer than the newest in status become events (Reason and Message as they are); status
	// keeps the newest v1alpha1.MaxDecisions. Times have whole seconds in status, so two decisions of a pool differ in their second.
	Decisions []v1alpha1.Decision
}

// ConditionResult is one condition without its type and times.
type ConditionResult struct {
	Status          metav1.ConditionStatus
	Reason, Message string
}

// NoTuning is a TuningSource without results: every pool keeps its start value.
type NoTuning struct{}

// Get has no result.
func (NoTuning) Get(types.UID) (TuningResult, bool) { return TuningResult{}, false }

// Changes never sends.
func (NoTuning) Changes() <-chan event.GenericEvent { return nil }
