// Package metricsapi serves external.metrics.k8s.io/v1beta1 straight from a page of Prometheus metrics, as prometheus-adapter does from a
// Prometheus: enough for an HPA. The API server reaches it through its aggregation layer, and has done authentication and authorization
// by then; the listener lets nobody else in.
package metricsapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	"k8s.io/utils/clock"
)

// Handler answers discovery, and the values of one metric in one namespace.
type Handler struct {
	Page    func(ctx context.Context) (io.ReadCloser, error) // the metrics, in the text format
	Metrics []string                                         // those that discovery lists
	Clock   clock.PassiveClock
}

// ServeHTTP routes.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	root := "/apis/" + v1beta1.SchemeGroupVersion.String()
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+root, h.discover)
	mux.HandleFunc("GET "+root+"/namespaces/{namespace}/{metric}", h.values)
	mux.ServeHTTP(w, r)
}

func (h *Handler) discover(w http.ResponseWriter, _ *http.Request) {
	list := metav1.APIResourceList{
		TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: v1beta1.SchemeGroupVersion.String(),
	}
	for _, name := range h.Metrics {
		list.APIResources = append(list.APIResources, metav1.APIResource{Name: name, Namespaced: true, Kind: "ExternalMetricValueList", Verbs: []string{"get"}})
	}
	write(w, list)
}

func (h *Handler) values(w http.ResponseWriter, r *http.Request) {
	selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		http.Error(w, fmt.Sprintf("labelSelector: %v", err), http.StatusBadRequest)
		return
	}
	family, err := h.family(r.Context(), r.PathValue("metric"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	list := v1beta1.ExternalMetricValueList{TypeMeta: metav1.TypeMeta{Kind: "ExternalMetricValueList", APIVersion: v1beta1.SchemeGroupVersion.String()}}
	for _, m := range family.GetMetric() {
		of := labels.Set{}
		for _, l := range m.GetLabel() {
			of[l.GetName()] = l.GetValue()
		}
		if of["namespace"] != r.PathValue("namespace") || !selector.Matches(of) {
			continue
		}
		value := m.GetGauge().GetValue() + m.GetCounter().GetValue() // one of them is 0
		list.Items = append(list.Items, v1beta1.ExternalMetricValue{
			MetricName: family.GetName(), MetricLabels: of, Timestamp: metav1.NewTime(h.Clock.Now()), Value: *resource.NewMilliQuantity(int64(1000*value), resource.DecimalSI),
		})
	}
	write(w, list)
}

// family is empty where the page has no such metric: it has no value yet.
func (h *Handler) family(ctx context.Context, metric string) (*dto.MetricFamily, error) {
	page, err := h.Page(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the metrics: %w", err)
	}
	defer page.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(page)
	if err != nil {
		return nil, fmt.Errorf("reading the metrics: %w", err)
	}
	return families[metric], nil
}

func write(w http.ResponseWriter, answer any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the caller may have gone
}
