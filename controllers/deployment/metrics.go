package deployment

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
)

// StatusMetrics show every object's conditions and pods to Prometheus, read from the cache when it asks: they cannot be behind status,
// and an object that is deleted leaves nothing behind.
type StatusMetrics struct{ Reader client.Reader }

// collectTime bounds a look at the cache, which answers at once unless it is not filled yet.
const collectTime = time.Second

var (
	conditionMetric = prometheus.NewDesc("aircache_operator_condition",
		"1 for each condition of an AirCacheDeployment, with its status (True, False, Unknown) and reason.", []string{"namespace", "name", "type", "status", "reason"}, nil)
	desiredMetric = prometheus.NewDesc("aircache_operator_desired_replicas",
		"Pods that spec asks for.", []string{"namespace", "name"}, nil)
	readyMetric = prometheus.NewDesc("aircache_operator_ready_replicas",
		"Pods that answer requests.", []string{"namespace", "name"}, nil)
)

// Describe names the metrics.
func (m StatusMetrics) Describe(to chan<- *prometheus.Desc) {
	to <- conditionMetric
	to <- desiredMetric
	to <- readyMetric
}

// Collect sends what status says of each object.
func (m StatusMetrics) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTime)
	defer cancel()
	list := &v1alpha1.AirCacheDeploymentList{}
	if m.Reader.List(ctx, list) != nil {
		return // the cache is not filled yet: nothing is known, and nothing is said
	}
	for i := range list.Items {
		d := &list.Items[i]
		to <- prometheus.MustNewConstMetric(desiredMetric, prometheus.GaugeValue, float64(d.Status.DesiredReplicas), d.Namespace, d.Name)
		to <- prometheus.MustNewConstMetric(readyMetric, prometheus.GaugeValue, float64(d.Status.ReadyReplicas), d.Namespace, d.Name)
		for _, c := range d.Status.Conditions {
			to <- prometheus.MustNewConstMetric(conditionMetric, prometheus.GaugeValue, 1, d.Namespace, d.Name, c.Type, string(c.Status), c.Reason)
		}
	}
}
