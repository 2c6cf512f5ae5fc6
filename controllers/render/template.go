package render

import (
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"aircache.dev/aircache/api/v1alpha1"
)

// TemplateAnnotation holds the hash of the pod template, in the template and so in its pods: it tells which pods are of the newest one.
const TemplateAnnotation = "aircache.dev/template-hash"

// InputsAnnotation of a Deployment holds the hash of the inputs that its template was made from.
const InputsAnnotation = "aircache.dev/inputs-hash"

// Template is a pod template as it is applied.
type Template struct {
	Inputs string         // hash of what it was made from
	Hash   string         // of the template itself
	Fields map[string]any // kept as they were stored: another version of the Kubernetes types neither adds to them nor drops any
}

// NewTemplate makes the pod template of a pool as this operator would have it.
func NewTemplate(d *v1alpha1.AirCacheDeployment, pool Pool, operator Operator) (Template, error) {
	in, err := InputsHash(d, pool)
	if err != nil {
		return Template{}, err
	}
	template := podTemplate(d, pool, operator)
	if err := stamp(&template); err != nil {
		return Template{}, err
	}
	return templateOf(in, &template)
}

// LiveTemplate is the template of a Deployment that exists, with the defaults that the API server filled in: applying it changes nothing.
func LiveTemplate(d *appsv1.Deployment) (Template, error) {
	return templateOf(d.Annotations[InputsAnnotation], &d.Spec.Template)
}

func templateOf(in string, template *corev1.PodTemplateSpec) (Template, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(template)
	if err != nil {
		return Template{}, fmt.Errorf("converting the pod template: %w", err)
	}
	return Template{Inputs: in, Hash: template.Annotations[TemplateAnnotation], Fields: withoutEmptyResources(fields).(map[string]any)}, nil
}

func stamp(template *corev1.PodTemplateSpec) error {
	encoded, err := json.Marshal(template)
	if err != nil {
		return fmt.Errorf("encoding the pod template: %w", err)
	}
	metav1.SetMetaDataAnnotation(&template.ObjectMeta, TemplateAnnotation, hash(encoded))
	return nil
}
