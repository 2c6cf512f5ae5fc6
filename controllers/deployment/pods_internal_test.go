package deployment

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"aircache.dev/aircache/controllers/render"
)

func TestCrashLoopLastsBetweenBackOffs(t *testing.T) {
	start := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	ended := func(code int32, after time.Duration) corev1.ContainerState {
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: code, Reason: "Error", StartedAt: metav1.NewTime(start), FinishedAt: metav1.NewTime(start.Add(after)),
		}}
	}
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	backOff := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
	for _, c := range []struct {
		name   string
		status corev1.ContainerStatus
		want   bool
	}{
		{"a first start", corev1.ContainerStatus{State: running}, false},
		{"a first restart", corev1.ContainerStatus{State: running, RestartCount: 1, LastTerminationState: ended(1, time.Second)}, false},
		{"a wait for the next try", corev1.ContainerStatus{State: backOff, RestartCount: 1}, true},
		{"the next try", corev1.ContainerStatus{State: running, RestartCount: 2, LastTerminationState: ended(1, time.Second)}, true},
		{"the end of the next try", corev1.ContainerStatus{State: ended(1, time.Second), RestartCount: 2, LastTerminationState: ended(1, time.Second)}, true},
		{"a try that serves", corev1.ContainerStatus{State: running, Ready: true, RestartCount: 9, LastTerminationState: ended(1, time.Second)}, false},
		{"a restart after a long life", corev1.ContainerStatus{State: running, RestartCount: 9, LastTerminationState: ended(137, time.Hour)}, false},
		{"a restart after an orderly end", corev1.ContainerStatus{State: running, RestartCount: 9, LastTerminationState: ended(0, time.Second)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := isCrashLooping(&c.status); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestLastEndSaysTheLastLine(t *testing.T) {
	status := &corev1.ContainerStatus{LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: 1, Reason: "Error", Message: "loading\naircache: reading config.json: no such file\n",
	}}}
	if got, want := lastEnd(status), "exit code 1 (Error): aircache: reading config.json: no such file"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOfAPodWhatIsReadIsKept(t *testing.T) {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Labels: map[string]string{render.LabelPool: "cpu"}, Annotations: map[string]string{render.TemplateAnnotation: "t", "other": "o"}},
		Spec:       corev1.PodSpec{NodeName: "n", Containers: []corev1.Container{{Name: "aircache"}}},
		Status: corev1.PodStatus{PodIP: "10.0.0.1", Conditions: []corev1.PodCondition{
			{Type: corev1.PodInitialized, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: corev1.ConditionTrue},
			{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue}, {Type: corev1.PodScheduled, Status: corev1.ConditionTrue},
		}},
	}
	kept, err := trimPod(pod)
	if err != nil {
		t.Fatal(err)
	}
	trimmed := kept.(*corev1.Pod)
	if podFacts(trimmed) != podFacts(pod) || !wasDisrupted(trimmed) || podCondition(trimmed, corev1.PodReady) == nil {
		t.Errorf("facts were %s, are %s", podFacts(pod), podFacts(trimmed))
	}
	if trimmed.Annotations[render.TemplateAnnotation] != "t" || trimmed.Labels[render.LabelPool] != "cpu" || trimmed.Status.PodIP != "10.0.0.1" {
		t.Errorf("kept are %+v", trimmed)
	}
	if len(trimmed.Spec.Containers)+len(trimmed.Annotations) != 1 || len(trimmed.Status.Conditions) != 3 {
		t.Errorf("more than that is kept: %+v", trimmed)
	}
}
