package render

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"aircache.dev/aircache/runtime/control"
)

const publicKeyFlag = "--tuning-public-key="

// Operator is what the operator's own installation brings into the children, beside the object's spec. An upgrade of the operator or a
// rotation of its keys changes it and must not roll pods by that: whoever decides whether a pod template has to change compares what
// spec asks for, not this. Pods that keep the older keys are not lost, for the next key was among them.
type Operator struct {
	RuntimeImage string                               // for objects that name none
	Namespace    string                               // where the operator's own pod is; empty outside a cluster
	AllowFrom    []string                             // namespaces that may reach the API and the metrics of every object's pods
	PublicKeys   []string                             // whose directives a pod applies: the current key's and the next one's
	Sign         func(control.Tuning) ([]byte, error) // the same bytes for the same tuning
}

// IsKnownTo tells whether pods of a template apply what this operator signs.
func (o Operator) IsKnownTo(t Template) bool {
	if len(o.PublicKeys) == 0 {
		return true
	}
	containers, _, err := unstructured.NestedSlice(t.Fields, "spec", "containers")
	if err != nil {
		return false
	}
	for _, c := range containers {
		fields, _ := c.(map[string]any)
		args, _, _ := unstructured.NestedStringSlice(fields, "args") // no list of texts: no key in it
		if slices.Contains(args, publicKeyFlag+o.PublicKeys[0]) {
			return true
		}
	}
	return false
}
