package deployment

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func fieldsOf(manager, subresource, fields string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{Manager: manager, Subresource: subresource, FieldsV1: metav1.NewFieldsV1(fields)}
}

func TestTheCacheKeepsOfManagedFieldsOnlyAnAutoscalersReplicas(t *testing.T) {
	replicas := `{"f:spec":{"f:replicas":{}}}`
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{
		fieldsOf(FieldManager, "", replicas), fieldsOf("kubectl-edit", "", replicas), fieldsOf("kubectl", "scale", replicas),
		fieldsOf("some-tool", "scale", `{"f:metadata":{}}`), fieldsOf("torn", "scale", `{"f:spec"`), {Manager: "empty", Subresource: "scale"},
		fieldsOf("keda", "scale", replicas),
	}}}
	kept, err := trimDeployment(d)
	if err != nil {
		t.Fatal(err)
	}
	if left := kept.(*appsv1.Deployment).ManagedFields; len(left) != 1 || left[0].Manager != "keda" {
		t.Errorf("the cache keeps %v", left)
	}
	if manager := autoscalerOf(d); manager != "keda" {
		t.Errorf("the autoscaler is %q", manager)
	}
}
