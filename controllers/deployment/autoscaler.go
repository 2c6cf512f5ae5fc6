package deployment

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
)

// podUIDField finds the events about a pod.
const podUIDField = "involvedObject.uid"

// autoscalerEvents selects, on the API server, what others than the scheduler and the kubelet say about pods: next to nothing but the
// node autoscalers' words.
var autoscalerEvents = fields.AndSelectors(
	fields.OneTermEqualSelector("involvedObject.kind", "Pod"),
	fields.OneTermNotEqualSelector("source", "default-scheduler"),
	fields.OneTermNotEqualSelector("source", "kubelet"),
)

// verdict is the newest word of a node autoscaler about one pod.
type verdict struct {
	noCapacity bool
	message    string
}

// newestVerdict is nil when no autoscaler has said anything.
func newestVerdict(events []corev1.Event) *verdict {
	var newest *verdict
	var at time.Time
	for i := range events {
		if v := verdictOf(&events[i]); v != nil && (newest == nil || !happened(&events[i]).Before(at)) {
			newest, at = v, happened(&events[i])
		}
	}
	return newest
}

// karpenterOut are the words with which Karpenter says that no node can be had. It fails to schedule a pod for other causes too, such
// as a volume; then the pod waits its time.
var karpenterOut = []string{"no instance type", "exceed limits"}

// verdictOf reads the events of Karpenter (FailedScheduling, Nominated) and of the Cluster Autoscaler (NotTriggerScaleUp,
// TriggeredScaleUp).
func verdictOf(e *corev1.Event) *verdict {
	switch e.Reason {
	case "FailedScheduling":
		out := func(words string) bool { return strings.Contains(e.Message, words) }
		if author(e) == "karpenter" {
			return &verdict{slices.ContainsFunc(karpenterOut, out), e.Message}
		}
	case "NotTriggerScaleUp":
		return &verdict{true, e.Message}
	case "Nominated", "TriggeredScaleUp":
		return &verdict{false, e.Message}
	}
	return nil
}

func author(e *corev1.Event) string {
	if e.Source.Component != "" {
		return e.Source.Component
	}
	return e.ReportingController
}

// happened is when an event came last.
func happened(e *corev1.Event) time.Time {
	at := e.CreationTimestamp.Time
	later := func(t time.Time) {
		if t.After(at) {
			at = t
		}
	}
	later(e.LastTimestamp.Time)
	later(e.EventTime.Time)
	if e.Series != nil {
		later(e.Series.LastObservedTime.Time)
	}
	return at
}

// trimEvent keeps of an event what newestVerdict reads.
func trimEvent(o any) (any, error) {
	e, isEvent := o.(*corev1.Event)
	if !isEvent {
		return o, nil
	}
	kept := &corev1.Event{
		InvolvedObject: corev1.ObjectReference{Kind: e.InvolvedObject.Kind, Namespace: e.InvolvedObject.Namespace, Name: e.InvolvedObject.Name, UID: e.InvolvedObject.UID},
		Reason:         e.Reason, Source: corev1.EventSource{Component: author(e)},
		LastTimestamp: e.LastTimestamp, EventTime: e.EventTime, Series: e.Series,
	}
	kept.Namespace, kept.Name, kept.UID, kept.ResourceVersion, kept.CreationTimestamp = e.Namespace, e.Name, e.UID, e.ResourceVersion, e.CreationTimestamp
	if verdictOf(e) != nil {
		kept.Message = clip(e.Message, 512)
	}
	return kept, nil
}

// verdicts are the newest words about the pods that have no node.
type verdicts map[types.UID]*verdict
