package charts

import (
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"sigs.k8s.io/yaml"
)

const autoscaling = "../config/samples/autoscaling/"

// TestTheHPASampleAsksForAMetricThatExists; the end-to-end suite scales by that very file.
func TestTheHPASampleAsksForAMetricThatExists(t *testing.T) {
	var hpa autoscalingv2.HorizontalPodAutoscaler
	if err := yaml.UnmarshalStrict(read(t, autoscaling+"hpa.yaml"), &hpa); err != nil {
		t.Fatal(err)
	}
	if target := hpa.Spec.ScaleTargetRef; target.APIVersion != "aircache.dev/v1alpha1" || target.Kind != "AirCacheDeployment" {
		t.Errorf("it scales %+v", target)
	}
	for _, m := range hpa.Spec.Metrics {
		asksForMetricsThatExist(t, "hpa.yaml", m.External.Metric.Name, metricNames(t))
	}
}

// scaledObject are the fields of KEDA's keda.sh/v1alpha1 ScaledObject that the sample uses.
type scaledObject struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   map[string]string `json:"metadata"`
	Spec       struct {
		ScaleTargetRef struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Name       string `json:"name"`
		} `json:"scaleTargetRef"`
		MinReplicaCount int32 `json:"minReplicaCount"`
		MaxReplicaCount int32 `json:"maxReplicaCount"`
		Triggers        []struct {
			Type       string `json:"type"`
			MetricType string `json:"metricType"`
			Metadata   struct {
				ServerAddress string `json:"serverAddress"`
				Query         string `json:"query"`
				Threshold     string `json:"threshold"`
			} `json:"metadata"`
		} `json:"triggers"`
	} `json:"spec"`
}

func TestTheKEDASampleAsksForMetricsThatExist(t *testing.T) {
	var object scaledObject
	if err := yaml.UnmarshalStrict(read(t, autoscaling+"keda.yaml"), &object); err != nil {
		t.Fatal(err)
	}
	if target := object.Spec.ScaleTargetRef; target.APIVersion != "aircache.dev/v1alpha1" || target.Kind != "AirCacheDeployment" || len(object.Spec.Triggers) != 2 {
		t.Errorf("it scales %+v by %d triggers", target, len(object.Spec.Triggers))
	}
	for _, trigger := range object.Spec.Triggers {
		asksForMetricsThatExist(t, "keda.yaml", trigger.Metadata.Query, metricNames(t))
	}
}
