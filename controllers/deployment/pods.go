package deployment

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
	"aircache.dev/aircache/runtime/control"
)

// podSummary is what the pods of one pool say.
type podSummary struct {
	running       int32 // those that are not about to go
	ready         int32
	terminating   int32
	unscheduled   int32
	capacity      string // what the scheduler says of the first unscheduled pod
	unschedulable bool   // the scheduler gave up on it
	problem       *finding
}

// summarize looks for problems only among pods of the template that is in force: a broken one is forgotten as soon as it is mended.
func summarize(pods []corev1.Pod, pool, template string, model *v1alpha1.ModelSpec) podSummary {
	var s podSummary
	for i := range pods {
		pod := &pods[i]
		if pod.Labels[render.LabelPool] != pool {
			continue
		}
		if !pod.DeletionTimestamp.IsZero() {
			s.terminating++
			continue
		}
		s.running++
		if isTrue(pod, corev1.PodReady) {
			s.ready++
		}
		if c := podCondition(pod, corev1.PodScheduled); c != nil && c.Status == corev1.ConditionFalse {
			s.unscheduled++
			if s.capacity == "" {
				s.capacity, s.unschedulable = c.Message, c.Reason == corev1.PodReasonUnschedulable
			}
		}
		if s.problem == nil && pod.Annotations[render.TemplateAnnotation] == template {
			s.problem = podProblem(pod, model)
		}
	}
	return s
}

var pullReasons = []string{"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}

// podProblem is what keeps a pod from serving and does not go away by waiting.
func podProblem(pod *corev1.Pod, model *v1alpha1.ModelSpec) *finding {
	if c := podCondition(pod, corev1.PodScheduled); c != nil && c.Status == corev1.ConditionFalse {
		if name := claimOf(model); name != "" && strings.Contains(c.Message, fmt.Sprintf("persistentvolumeclaim %q not found", name)) {
			return &finding{v1alpha1.ReasonModelNotFound, fmt.Sprintf("pod %s: %s", pod.Name, c.Message)}
		}
	}
	for i := range pod.Status.ContainerStatuses {
		if found := containerProblem(pod.Name, &pod.Status.ContainerStatuses[i], model); found != nil {
			return found
		}
	}
	return nil
}

// claimOf is the claim that holds the model or its cache.
func claimOf(model *v1alpha1.ModelSpec) string {
	switch {
	case model.PVC != nil:
		return model.PVC.ClaimName
	case model.Cache != nil:
		return model.Cache.ClaimName
	}
	return ""
}

func containerProblem(pod string, c *corev1.ContainerStatus, model *v1alpha1.ModelSpec) *finding {
	if found := modelProblem(pod, c); found != nil {
		return found
	}
	if isCrashLooping(c) {
		return &finding{v1alpha1.ReasonCrashLooping, fmt.Sprintf("pod %s ends again and again (restarts: %d), last with %s", pod, c.RestartCount, lastEnd(c))}
	}
	waiting := c.State.Waiting
	switch {
	case waiting == nil:
		return nil
	case slices.Contains(pullReasons, waiting.Reason):
		reason := v1alpha1.ReasonImagePullFailed
		if model.Image != nil && strings.Contains(waiting.Message, model.Image.Reference) {
			reason = v1alpha1.ReasonModelNotFound // an image volume fails under the container's name
		}
		return &finding{reason, fmt.Sprintf("pod %s: %s", pod, pullError(waiting))}
	case waiting.Reason == "CreateContainerConfigError", waiting.Reason == "CreateContainerError":
		return &finding{v1alpha1.ReasonPodsRejected, fmt.Sprintf("pod %s: %s: %s", pod, waiting.Reason, waiting.Message)}
	}
	return nil
}

// modelReasons name the exit codes with which the runtime says that it is the model.
var modelReasons = map[int32]string{
	control.ExitModelNotFound:    v1alpha1.ReasonModelNotFound,
	control.ExitModelUnavailable: v1alpha1.ReasonModelUnavailable,
	control.ExitModelTooLarge:    v1alpha1.ReasonModelTooLarge,
}

// modelProblem is told from the first end on, and goes on being told while the container tries again: the runtime has tried often
// enough itself.
func modelProblem(pod string, c *corev1.ContainerStatus) *finding {
	end := c.State.Terminated
	if end == nil && !c.Ready {
		end = c.LastTerminationState.Terminated
	}
	if end == nil || modelReasons[end.ExitCode] == "" {
		return nil
	}
	return &finding{modelReasons[end.ExitCode], fmt.Sprintf("pod %s: %s", pod, lastLine(end))}
}

// pullError says the same during a try and between two: "Back-off pulling image ...: ErrImagePull: cause" becomes "ErrImagePull: cause".
func pullError(waiting *corev1.ContainerStateWaiting) string {
	const cause = "ErrImagePull: "
	if at := strings.Index(waiting.Message, cause); at >= 0 {
		return waiting.Message[at:]
	}
	return waiting.Reason + ": " + waiting.Message
}

// healthyRun is how long a container must run for the kubelet to forget its earlier ends.
const healthyRun = 10 * time.Minute

// isCrashLooping holds between two back-offs too, while the container tries again: else status would change with every try.
func isCrashLooping(c *corev1.ContainerStatus) bool {
	if c.State.Waiting != nil {
		return c.State.Waiting.Reason == "CrashLoopBackOff"
	}
	end := c.LastTerminationState.Terminated
	return !c.Ready && c.RestartCount > 1 && end != nil && end.ExitCode != 0 && end.FinishedAt.Sub(end.StartedAt.Time) < healthyRun
}

// lastEnd ends with the last line that the container wrote, which says why.
func lastEnd(c *corev1.ContainerStatus) string {
	end := c.LastTerminationState.Terminated
	if end == nil {
		return "an unknown exit code"
	}
	text := fmt.Sprintf("exit code %d (%s)", end.ExitCode, end.Reason)
	if last := lastLine(end); last != "" {
		text += ": " + last
	}
	return text
}

func lastLine(end *corev1.ContainerStateTerminated) string {
	lines := strings.Split(strings.TrimSpace(end.Message), "\n")
	return lines[len(lines)-1]
}

func podCondition(pod *corev1.Pod, t corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == t {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

func isTrue(pod *corev1.Pod, t corev1.PodConditionType) bool {
	c := podCondition(pod, t)
	return c != nil && c.Status == corev1.ConditionTrue
}

// trimPod keeps of a pod what the operator reads: there may be thousands, and most of a pod is its spec.
func trimPod(o any) (any, error) {
	pod, isPod := o.(*corev1.Pod)
	if !isPod {
		return o, nil
	}
	kept := &corev1.Pod{
		Spec: corev1.PodSpec{NodeName: pod.Spec.NodeName, HostNetwork: pod.Spec.HostNetwork},
		Status: corev1.PodStatus{
			Phase: pod.Status.Phase, PodIP: pod.Status.PodIP, Conditions: readConditions(pod), ContainerStatuses: pod.Status.ContainerStatuses,
		},
	}
	kept.Namespace, kept.Name, kept.UID, kept.ResourceVersion = pod.Namespace, pod.Name, pod.UID, pod.ResourceVersion
	kept.CreationTimestamp, kept.DeletionTimestamp, kept.DeletionGracePeriodSeconds = pod.CreationTimestamp, pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds
	kept.Labels, kept.OwnerReferences = pod.Labels, pod.OwnerReferences
	if template, has := pod.Annotations[render.TemplateAnnotation]; has {
		kept.Annotations = map[string]string{render.TemplateAnnotation: template}
	}
	return kept, nil
}

// readConditions are those that the operator reads, in a slice of their size: a decoded one has room for eight.
func readConditions(pod *corev1.Pod) []corev1.PodCondition {
	kept := make([]corev1.PodCondition, 0, 3)
	for _, t := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodReady, corev1.DisruptionTarget} {
		if c := podCondition(pod, t); c != nil {
			kept = append(kept, *c)
		}
	}
	return kept
}
