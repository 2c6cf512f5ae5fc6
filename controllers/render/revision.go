package render

import (
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"aircache.dev/aircache/api/v1alpha1"
)

// stored is the data of a ControllerRevision.
type stored struct {
	Inputs   string          `json:"inputs"` // hash
	Hash     string          `json:"hash"`
	Template json.RawMessage `json:"template"`
}

// RevisionName is the ControllerRevision that keeps one template of a pool. Other inputs that gave the same template have their own.
func RevisionName(object, pool string, t Template) string {
	return DeploymentName(object, pool) + "-" + hash([]byte(t.Inputs+t.Hash))
}

// Revision keeps a template of a pool. Its data never changes; the number grows when the template comes into force again.
func Revision(d *v1alpha1.AirCacheDeployment, pool string, t Template, number int64) (*appsv1.ControllerRevision, error) {
	template, err := json.Marshal(t.Fields) // sorted keys: equal templates give equal bytes
	if err != nil {
		return nil, fmt.Errorf("encoding the pod template of pool %s: %w", pool, err)
	}
	data, err := json.Marshal(stored{Inputs: t.Inputs, Hash: t.Hash, Template: template})
	if err != nil {
		return nil, fmt.Errorf("encoding the revision of pool %s: %w", pool, err)
	}
	return &appsv1.ControllerRevision{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "ControllerRevision"},
		ObjectMeta: childMeta(d, RevisionName(d.Name, pool, t), poolLabels(d.Name, pool)),
		Data:       runtime.RawExtension{Raw: data},
		Revision:   number,
	}, nil
}

// StoredTemplate is what a revision keeps.
func StoredTemplate(r *appsv1.ControllerRevision) (Template, error) {
	var s stored
	if err := json.Unmarshal(r.Data.Raw, &s); err != nil {
		return Template{}, fmt.Errorf("reading ControllerRevision %s: %w", r.Name, err)
	}
	t := Template{Inputs: s.Inputs, Hash: s.Hash}
	if err := utiljson.Unmarshal(s.Template, &t.Fields); err != nil { // whole numbers stay whole
		return Template{}, fmt.Errorf("reading the template of ControllerRevision %s: %w", r.Name, err)
	}
	return t, nil
}
