package deployment

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
)

// podSummary is what the pods of one pool say.
type podSummary struct {
	terminating   int32
	unscheduled   int32
	capacity      string // what the scheduler says of the first unscheduled pod
	unschedulable bool   // the scheduler gave up on it
	problem       *finding
}

// summarize looks for problems only among pods of the newest template: a broken template is forgotten as soon as the next one has a pod.
func summarize(pods []corev1.Pod, pool string, model *v1alpha1.ModelSpec) podSummary {
	var s podSummary
	newest := newestTemplate(pods, pool)
	for i := range pods {
		pod := &pods[i]
		if pod.Labels[render.LabelPool] != pool {
			continue
		}
		if !pod.DeletionTimestamp.IsZero() {
			s.terminating++
			continue
		}
		if c := podCondition(pod, corev1.PodScheduled); c != nil && c.Status == corev1.ConditionFalse {
			s.unscheduled++
			if s.capacity == "" {
				s.capacity, s.unschedulable = c.Message, c.Reason == corev1.PodReasonUnschedulable
			}
		}
		if s.problem == nil && pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey] == newest {
			s.problem = podProblem(pod, model)
		}
	}
	return s
}

func newestTemplate(pods []corev1.Pod, pool string) string {
	hash := ""
	var newest *corev1.Pod
	for i := range pods {
		pod := &pods[i]
		if pod.Labels[render.LabelPool] == pool && (newest == nil || newest.CreationTimestamp.Before(&pod.CreationTimestamp)) {
			newest, hash = pod, pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
		}
	}
	return hash
}

var pullReasons = []string{"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}

// podProblem is what keeps a pod from serving and does not go away by waiting.
func podProblem(pod *corev1.Pod, model *v1alpha1.ModelSpec) *finding {
	if c := podCondition(pod, corev1.PodScheduled); c != nil && model.PVC != nil &&
		c.Status == corev1.ConditionFalse && strings.Contains(c.Message, fmt.Sprintf("persistentvolumeclaim %q not found", model.PVC.ClaimName)) {
		return &finding{v1alpha1.ReasonModelNotFound, fmt.Sprintf("pod %s: %s", pod.Name, c.Message)}
	}
	for _, c := range pod.Status.ContainerStatuses {
		waiting := c.State.Waiting
		switch {
		case waiting == nil:
		case slices.Contains(pullReasons, waiting.Reason):
			reason := v1alpha1.ReasonImagePullFailed
			if model.Image != nil && strings.Contains(waiting.Message, model.Image.Reference) {
				reason = v1alpha1.ReasonModelNotFound // an image volume fails under the container's name
			}
			return &finding{reason, fmt.Sprintf("pod %s: %s: %s", pod.Name, waiting.Reason, waiting.Message)}
		case waiting.Reason == "CrashLoopBackOff":
			return &finding{v1alpha1.ReasonCrashLooping, fmt.Sprintf("pod %s ended %d times, last with %s", pod.Name, c.RestartCount, lastEnd(c))}
		case waiting.Reason == "CreateContainerConfigError" || waiting.Reason == "CreateContainerError":
			return &finding{v1alpha1.ReasonPodsRejected, fmt.Sprintf("pod %s: %s: %s", pod.Name, waiting.Reason, waiting.Message)}
		}
	}
	return nil
}

func lastEnd(c corev1.ContainerStatus) string {
	end := c.LastTerminationState.Terminated
	if end == nil {
		return "an unknown exit code"
	}
	text := fmt.Sprintf("exit code %d (%s)", end.ExitCode, end.Reason)
	if end.Message != "" {
		text += ": " + strings.TrimSpace(end.Message)
	}
	return text
}

func podCondition(pod *corev1.Pod, t corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == t {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}
