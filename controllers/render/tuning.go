package render

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/runtime/control"
)

// PoolTuning is what one pool is asked for, with the floor that goes along.
type PoolTuning struct {
	Pool          string
	Tuning        v1alpha1.PoolTuning
	FloorPermille int32
}

// TuningKey is the pool's key in the ConfigMap, and so its file in the pod.
func TuningKey(pool string) string { return pool + ".json" }

// TuningConfigMap holds one signed directive per pool, for pods that start while the operator is away. The live push sends the same bytes.
func TuningConfigMap(d *v1alpha1.AirCacheDeployment, pools []PoolTuning, operator Operator) (*corev1.ConfigMap, error) {
	data := map[string]string{}
	for _, p := range pools {
		directive, err := operator.Sign(control.Tuning{
			UID: string(d.UID), Pool: p.Pool, Revision: p.Tuning.Revision, Epoch: p.Tuning.Epoch,
			TargetPermille: p.Tuning.TargetPermille, FloorPermille: p.FloorPermille,
			CandidatePermille: p.Tuning.CandidatePermille, CanaryPermille: p.Tuning.CanaryPermille,
		})
		if err != nil {
			return nil, fmt.Errorf("signing the directive of pool %s: %w", p.Pool, err)
		}
		data[TuningKey(p.Pool)] = string(directive)
	}
	meta := childMeta(d, TuningName(d.Name), childLabels(d.Name))
	// A decision of the tuner is not a change that a GitOps tool should look at.
	meta.Annotations = map[string]string{"argocd.argoproj.io/ignore-resource-updates": "true"}
	return &corev1.ConfigMap{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: meta, Data: data,
	}, nil
}
