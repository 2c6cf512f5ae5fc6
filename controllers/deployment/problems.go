package deployment

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
)

// finding is why the operator cannot go on, or what it is doing: the same words for condition and event.
type finding struct{ reason, message string }

// input is what the checks look at.
type input struct {
	object       *v1alpha1.AirCacheDeployment
	seen         *world
	runtimeImage string
}

// checks run before anything is applied; the first that finds something is reported. While one does, the children stay as they are.
var checks = []func(input) *finding{
	gpuClassIsMissing,
	gpuClassIsNotAllowed,
	resourcesDiffer,
	runtimeImageIsMissing,
	nameIsTaken,
}

func firstProblem(in input) *finding {
	for _, check := range checks {
		if found := check(in); found != nil {
			return found
		}
	}
	return nil
}

func gpuClassIsMissing(in input) *finding {
	for _, t := range in.object.Spec.GPUTypes {
		if t.GPUClassName != "" && in.seen.classes[t.GPUClassName] == nil {
			return &finding{v1alpha1.ReasonGPUClassNotFound,
				fmt.Sprintf("gpuTypes[%s].gpuClassName: GPUClass %q does not exist", t.Name, t.GPUClassName)}
		}
	}
	return nil
}

// gpuClassIsNotAllowed fails closed: failing open would give GPUs away.
func gpuClassIsNotAllowed(in input) *finding {
	for _, t := range in.object.Spec.GPUTypes {
		class := in.seen.classes[t.GPUClassName]
		if class == nil || class.Spec.AllowedNamespaces == nil {
			continue
		}
		if why := refusesNamespace(class.Spec.AllowedNamespaces, in.object.Namespace, in.seen.namespace); why != "" {
			return &finding{v1alpha1.ReasonGPUClassNotAllowed,
				fmt.Sprintf("gpuTypes[%s].gpuClassName: GPUClass %q %s", t.Name, t.GPUClassName, why)}
		}
	}
	return nil
}

// refusesNamespace takes nil for the labels of a namespace that may not be read.
func refusesNamespace(allowed *metav1.LabelSelector, namespace string, has map[string]string) string {
	selector, err := metav1.LabelSelectorAsSelector(allowed)
	if err != nil {
		return fmt.Sprintf("has an allowedNamespaces that is no label selector: %v", err)
	}
	if has == nil {
		if key := labelBesideName(selector); key != "" {
			return fmt.Sprintf("has an allowedNamespaces with label %s; this operator is held to some namespaces (--watch-namespaces) and may not read their labels, only %s is known",
				key, corev1.LabelMetadataName)
		}
		has = map[string]string{corev1.LabelMetadataName: namespace}
	}
	if !selector.Matches(labels.Set(has)) {
		return fmt.Sprintf("does not allow namespace %q", namespace)
	}
	return ""
}

// labelBesideName is the first label that a selector asks for beside the namespace's name, "" when there is none.
func labelBesideName(selector labels.Selector) string {
	requirements, _ := selector.Requirements()
	for _, r := range requirements {
		if r.Key() != corev1.LabelMetadataName {
			return r.Key()
		}
	}
	return ""
}

// resourcesDiffer: one template cannot ask for the GPUs of several vendors.
func resourcesDiffer(in input) *finding {
	for _, pool := range render.Pools(&in.object.Spec, in.seen.classes) {
		if pool.IsCPU() {
			continue
		}
		for _, member := range pool.AnyOf {
			if has := member.ResourceName(); has != pool.ResourceName() {
				return &finding{v1alpha1.ReasonInvalidPlacement, fmt.Sprintf(
					"placement.strategy Any: gpuTypes[%s] counts %s and gpuTypes[%s] counts %s, which one pod cannot ask for; use Ordered",
					pool.Type.Name, pool.ResourceName(), member.Type.Name, has)}
			}
		}
	}
	return nil
}

func runtimeImageIsMissing(in input) *finding {
	if in.object.Spec.Runtime.Image == "" && in.runtimeImage == "" {
		return &finding{v1alpha1.ReasonInvalidChild, "runtime.image is empty and the operator was started without --runtime-image"}
	}
	return nil
}

func nameIsTaken(in input) *finding {
	if len(in.seen.foreign) == 0 {
		return nil
	}
	names := slices.Sorted(slices.Values(in.seen.foreign))
	return &finding{v1alpha1.ReasonNameConflict,
		fmt.Sprintf("not made for this object, and in its way: %s; rename this object, or delete what is in its way", strings.Join(names, ", "))}
}
