package deployment

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
)

func TestInPlace(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	// live is a Deployment of 2 pods at its newest generation.
	live := func(surge int32, replicas, updated, ready int32, refusals ...string) *appsv1.Deployment {
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Generation: 7}, Status: appsv1.DeploymentStatus{
			ObservedGeneration: 7, Replicas: replicas, UpdatedReplicas: updated, ReadyReplicas: ready,
		}}
		d.Spec.Replicas = ptr.To(int32(2))
		d.Spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{MaxSurge: ptr.To(intstr.FromInt32(surge)), MaxUnavailable: ptr.To(intstr.FromInt32(1 - surge))}
		d.Spec.Template.Annotations = map[string]string{render.TemplateAnnotation: "new"}
		for _, message := range refusals {
			d.Status.Conditions = append(d.Status.Conditions, appsv1.DeploymentCondition{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Message: message})
		}
		return d
	}
	pod := func(template string, scheduled corev1.ConditionStatus, ago time.Duration) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{render.TemplateAnnotation: template}},
			Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{
				Type: corev1.PodScheduled, Status: scheduled, LastTransitionTime: metav1.NewTime(now.Add(-ago)),
			}}},
		}
	}
	const surge, inPlaceNow = 1, 0
	adaptive := func(timeout, deadline int32) v1alpha1.RolloutSpec {
		return v1alpha1.RolloutSpec{Strategy: v1alpha1.RolloutAdaptive, SurgeTimeoutSeconds: &timeout, ProgressDeadlineSeconds: deadline}
	}
	usual := adaptive(300, 3600)
	for _, c := range []struct {
		name string
		spec v1alpha1.RolloutSpec
		live *appsv1.Deployment
		pods []*corev1.Pod
		want bool
		wait time.Duration
	}{
		{"strategy InPlace is what it says", v1alpha1.RolloutSpec{Strategy: v1alpha1.RolloutInPlace}, live(surge, 2, 2, 2), nil, true, 0},
		{"strategy Surge waits for ever", v1alpha1.RolloutSpec{Strategy: v1alpha1.RolloutSurge}, live(surge, 3, 1, 2), []*corev1.Pod{pod("new", corev1.ConditionFalse, time.Hour)}, false, 0},
		{"Adaptive starts with one more", usual, nil, nil, false, 0},
		{"nothing rolls", usual, live(surge, 2, 2, 2), nil, false, 0},
		{"a scale-up without nodes is no rollout", usual, live(surge, 2, 2, 1), []*corev1.Pod{pod("new", corev1.ConditionFalse, time.Hour)}, false, 0},
		{"the pod that was added has a node", usual, live(surge, 3, 1, 2), []*corev1.Pod{pod("new", corev1.ConditionTrue, time.Hour)}, false, 0},
		{"it has none yet", usual, live(surge, 3, 1, 2), []*corev1.Pod{pod("new", corev1.ConditionFalse, 100*time.Second)}, false, 200 * time.Second},
		{"it got none in time", usual, live(surge, 3, 1, 2), []*corev1.Pod{pod("new", corev1.ConditionFalse, 300*time.Second)}, true, 0},
		{"half of a short progress deadline is enough", adaptive(300, 60), live(surge, 3, 1, 2), []*corev1.Pod{pod("new", corev1.ConditionFalse, 20*time.Second)}, false, 10 * time.Second},
		{"no wait at all is asked for", adaptive(0, 3600), live(surge, 3, 1, 2), []*corev1.Pod{pod("new", corev1.ConditionFalse, 0)}, true, 0},
		{"an old pod without a node does not count", usual, live(surge, 3, 1, 2), []*corev1.Pod{pod("old", corev1.ConditionFalse, time.Hour)}, false, 0},
		{"no quota for one more", usual, live(surge, 2, 0, 2, `pods "x" is forbidden: exceeded quota: gpus`), nil, true, 0},
		{"pods are refused for another reason", usual, live(surge, 2, 0, 2, "violates PodSecurity"), nil, false, 0},
		{"in place it goes on while old pods are left", usual, live(inPlaceNow, 2, 1, 1), []*corev1.Pod{pod("new", corev1.ConditionTrue, 0)}, true, 0},
		{"in place it goes on until the last pod is ready", usual, live(inPlaceNow, 2, 2, 1), nil, true, 0},
		{"then the next rollout starts with one more again", usual, live(inPlaceNow, 2, 2, 2), nil, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, wait := inPlace(&c.spec, c.live, c.pods, now)
			if got != c.want || wait != c.wait {
				t.Errorf("got %v, look again in %v; want %v, %v", got, wait, c.want, c.wait)
			}
		})
	}
}

func TestTheSoonestWaitCounts(t *testing.T) {
	p := &plan{}
	for _, wait := range []time.Duration{0, 5, 3, 9, 0} {
		p.lookAgainIn(wait)
	}
	if p.lookAgain != 3 {
		t.Errorf("got %v", p.lookAgain)
	}
}
