package render

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// HashAnnotation holds the hash of the manifest that was applied last: a field that vanished from the manifest is seen by it.
const HashAnnotation = "aircache.dev/applied-hash"

// Manifest is the object as it is applied: only fields that have a wish, and the hash of all of them.
func Manifest(object runtime.Object) (*unstructured.Unstructured, error) {
	fields, err := fieldsOf(object)
	if err != nil {
		return nil, err
	}
	return seal(fields)
}

// PoolManifest is the Manifest of a Deployment with its template as it was stored, byte for byte.
func PoolManifest(d *appsv1.Deployment, template Template) (*unstructured.Unstructured, error) {
	fields, err := fieldsOf(d)
	if err != nil {
		return nil, err
	}
	fields["spec"].(map[string]any)["template"] = runtime.DeepCopyJSON(template.Fields)
	return seal(fields)
}

func fieldsOf(object runtime.Object) (map[string]any, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("converting %T: %w", object, err)
	}
	delete(fields, "status") // a typed object always has one; applying it would claim it
	return withoutEmptyResources(fields).(map[string]any), nil
}

// seal adds the hash of all fields.
func seal(fields map[string]any) (*unstructured.Unstructured, error) {
	manifest := &unstructured.Unstructured{Object: fields}
	encoded, err := json.Marshal(fields) // sorted keys: equal objects give equal bytes
	if err != nil {
		return nil, fmt.Errorf("encoding %s %s: %w", manifest.GetKind(), manifest.GetName(), err)
	}
	annotations := manifest.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[HashAnnotation] = hash(encoded)
	manifest.SetAnnotations(annotations)
	return manifest, nil
}

func hash(encoded []byte) string {
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:8])
}

// withoutEmptyResources drops nulls and the empty structs that Go types print without a wish behind them. Other empty objects stay: an
// emptyDir: {} is one.
func withoutEmptyResources(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, field := range v {
			field = withoutEmptyResources(field)
			m, isMap := field.(map[string]any)
			if field == nil || isMap && len(m) == 0 && (key == "resources" || key == "metadata") {
				delete(v, key)
			} else {
				v[key] = field
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutEmptyResources(v[i])
		}
	}
	return v
}
