package render

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"aircache.dev/aircache/api/v1alpha1"
)

// inputs is all that the user and the administrator say about a pod template: the fields of the object and of its GPUClass that reach
// it. What the operator adds (Operator, and the code of this package) is left out on purpose: an upgrade of the operator changes no
// input, so the template that was made from equal inputs stays in force.
//
// Its JSON must not change for an object that did not change, or every pod in the world rolls with the next operator; a test holds it
// to a golden text. A field that joins later is therefore left out at its default, also where the API server fills the default in.
type inputs struct {
	Name      string                 `json:"name"`
	UID       types.UID              `json:"uid"`
	Model     v1alpha1.ModelSpec     `json:"model"`
	Cache     cacheInputs            `json:"cache"`
	Shadow    int32                  `json:"shadowSamplePermille"`
	Lifecycle v1alpha1.LifecycleSpec `json:"lifecycle"`
	Runtime   v1alpha1.RuntimeSpec   `json:"runtime"`
	Pool      string                 `json:"pool"`
	Types     []typeInputs           `json:"types"` // one, or all of them with placement.strategy Any
}

// cacheInputs has the bounds of the retention and not its value, which is pushed live.
type cacheInputs struct {
	Policy      v1alpha1.CachePolicy   `json:"policy"`
	LayerBudget string                 `json:"layerBudget,omitempty"`
	Options     *v1alpha1.CacheOptions `json:"options,omitempty"`
	MultiTurn   string                 `json:"multiTurn,omitempty"`
	KVCacheMiB  *int32                 `json:"kvCacheMiB,omitempty"`
	MinPercent  int32                  `json:"minPercent"`
	MaxPercent  int32                  `json:"maxPercent"`
}

// typeInputs has no maxReplicas: how many pods there are is no part of what they are.
type typeInputs struct {
	ClassName     string                  `json:"gpuClassName,omitempty"`
	GPUs          int32                   `json:"gpus"`
	NodeSelector  map[string]string       `json:"nodeSelector,omitempty"`
	Tolerations   []corev1.Toleration     `json:"tolerations,omitempty"`
	CapacityTypes []v1alpha1.CapacityType `json:"capacityTypes,omitempty"`
	MinPercent    *int32                  `json:"minPercent,omitempty"`
	Class         *classInputs            `json:"class,omitempty"`
}

type classInputs struct {
	NodeSelector    map[string]string   `json:"nodeSelector"`
	Tolerations     []corev1.Toleration `json:"tolerations,omitempty"`
	ResourceName    string              `json:"resourceName,omitempty"`
	DeviceClassName string              `json:"deviceClassName,omitempty"`
	MinPercent      *int32              `json:"minPercent,omitempty"`
}

func inputsOf(d *v1alpha1.AirCacheDeployment, pool Pool) inputs {
	spec := &d.Spec
	in := inputs{
		Name: d.Name, UID: d.UID, Model: spec.Model, Shadow: shadowPermille(spec), Lifecycle: spec.Lifecycle, Runtime: spec.Runtime,
		Cache: cacheInputs{
			Policy: spec.Cache.Policy, LayerBudget: spec.Cache.LayerBudget, Options: spec.Cache.Options, MultiTurn: spec.Cache.MultiTurn, KVCacheMiB: spec.Cache.KVCacheMiB,
			MinPercent: spec.Cache.Retention.MinPercent, MaxPercent: spec.Cache.Retention.MaxPercent,
		},
		Pool: pool.Name(),
	}
	of := pool.AnyOf
	if of == nil {
		of = []Pool{pool}
	}
	for _, p := range of {
		in.Types = append(in.Types, inputsOfType(p))
	}
	return in
}

func inputsOfType(pool Pool) typeInputs {
	t := pool.Type
	in := typeInputs{ClassName: t.GPUClassName, GPUs: t.GPUs(), NodeSelector: t.NodeSelector, Tolerations: t.Tolerations, CapacityTypes: t.CapacityTypes}
	if t.Retention != nil {
		in.MinPercent = t.Retention.MinPercent
	}
	if c := pool.Class; c != nil {
		in.Class = &classInputs{
			NodeSelector: c.NodeSelector, Tolerations: c.Tolerations, ResourceName: c.ResourceName, DeviceClassName: c.DeviceClassName, MinPercent: c.MinRetentionPercent,
		}
	}
	return in
}

// InputsHash tells whether two pod templates were asked for in the same words.
func InputsHash(d *v1alpha1.AirCacheDeployment, pool Pool) (string, error) {
	encoded, err := json.Marshal(inputsOf(d, pool))
	if err != nil {
		return "", fmt.Errorf("encoding the inputs of the pod template of pool %s: %w", pool.Name(), err)
	}
	return hash(encoded), nil
}
