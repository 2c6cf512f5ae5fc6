package deployment

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestNewestVerdict(t *testing.T) {
	start := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	said := func(after time.Duration, component, reason, message string) corev1.Event {
		return corev1.Event{Source: corev1.EventSource{Component: component}, Reason: reason, Message: message, LastTimestamp: metav1.NewTime(start.Add(after))}
	}
	limits := said(time.Second, "karpenter", "FailedScheduling", `Failed to schedule pod, all available instance types exceed limits for nodepool (NodePool=l40s)`)
	for _, c := range []struct {
		name   string
		events []corev1.Event
		want   string // "" nothing, "out", "coming"
	}{
		{"nothing was said", nil, ""},
		{"a node pool is at its limit", []corev1.Event{limits}, "out"},
		{"no instance type has an offering", []corev1.Event{said(0, "karpenter", "FailedScheduling",
			`Failed to schedule pod, incompatible with nodepool "l40s", daemonset overhead={}, no instance type has the required offering, requirements=..., resources={"nvidia.com/gpu":"1"}`)}, "out"},
		{"a volume is missing", []corev1.Event{said(0, "karpenter", "FailedScheduling", `Failed to schedule pod, persistentvolumeclaim "models" not found`)}, "coming"},
		{"another scheduler fails", []corev1.Event{said(0, "volcano", "FailedScheduling", `no instance type`)}, ""},
		{"the Cluster Autoscaler is at its limit", []corev1.Event{said(0, "cluster-autoscaler", "NotTriggerScaleUp", "pod didn't trigger scale-up: 1 max node group size reached")}, "out"},
		{"a node was nominated since", []corev1.Event{said(2*time.Second, "karpenter", "Nominated", "Pod should schedule on: nodeclaim/l40s-x"), limits}, "coming"},
		{"a node was nominated before", []corev1.Event{limits, said(0, "karpenter", "Nominated", "Pod should schedule on: nodeclaim/l40s-x")}, "out"},
		{"anything else", []corev1.Event{said(0, "taint-eviction-controller", "TaintManagerEviction", "")}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if v := newestVerdict(c.events); v != nil {
				got = map[bool]string{true: "out", false: "coming"}[v.noCapacity]
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAnEventIsKeptWithWhatIsReadOfIt(t *testing.T) {
	long := make([]byte, 2000)
	for i := range long {
		long[i] = 'x'
	}
	e := &corev1.Event{Reason: "NotTriggerScaleUp", Message: string(long), ReportingController: "cluster-autoscaler", EventTime: metav1.NewMicroTime(time.Unix(9, 0))}
	e.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "x"}}
	kept, err := trimEvent(e)
	if err != nil {
		t.Fatal(err)
	}
	k := kept.(*corev1.Event)
	if len([]rune(k.Message)) != 512 || k.ManagedFields != nil || !happened(k).Equal(time.Unix(9, 0)) || author(k) != "cluster-autoscaler" || newestVerdict([]corev1.Event{*k}) == nil {
		t.Errorf("kept %+v", k)
	}
}
