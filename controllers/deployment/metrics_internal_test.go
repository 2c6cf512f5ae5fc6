package deployment

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"aircache.dev/aircache/api/v1alpha1"
)

func TestStatusIsShownToPrometheus(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	d := &v1alpha1.AirCacheDeployment{ObjectMeta: metav1.ObjectMeta{Namespace: "vision", Name: "docs"}}
	d.Status.DesiredReplicas, d.Status.ReadyReplicas = 2, 1
	d.Status.Conditions = []metav1.Condition{
		{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonDegraded},
		{Type: v1alpha1.ConditionTuningActive, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonHeld},
	}
	m := StatusMetrics{Reader: fake.NewClientBuilder().WithScheme(scheme).WithObjects(d).Build()}
	if err := testutil.CollectAndCompare(m, strings.NewReader(`
# HELP aircache_operator_condition 1 for each condition of an AirCacheDeployment, with its status (True, False, Unknown) and reason.
# TYPE aircache_operator_condition gauge
aircache_operator_condition{name="docs",namespace="vision",reason="Degraded",status="True",type="Ready"} 1
aircache_operator_condition{name="docs",namespace="vision",reason="Held",status="False",type="TuningActive"} 1
# HELP aircache_operator_desired_replicas Pods that spec asks for.
# TYPE aircache_operator_desired_replicas gauge
aircache_operator_desired_replicas{name="docs",namespace="vision"} 2
# HELP aircache_operator_ready_replicas Pods that answer requests.
# TYPE aircache_operator_ready_replicas gauge
aircache_operator_ready_replicas{name="docs",namespace="vision"} 1
`)); err != nil {
		t.Error(err)
	}
}
