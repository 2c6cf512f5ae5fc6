package deployment

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
