package tuning

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"aircache.dev/aircache/controllers/directive"
	"aircache.dev/aircache/controllers/observe"
	"aircache.dev/aircache/runtime/control"
)

// Metrics are the operator's own about tuning.
type Metrics struct {
	retention     *prometheus.GaugeVec
	recall        *prometheus.GaugeVec
	agreement     *prometheus.GaugeVec
	replicas      *prometheus.GaugeVec
	candidate     *prometheus.GaugeVec
	decisions     *prometheus.CounterVec
	scrapeSeconds prometheus.Histogram
	scrapeErrors  prometheus.Counter
	pushes        *prometheus.CounterVec
}

// NewMetrics registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	ofPool := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"namespace", "name", "pool"})
	}
	m := &Metrics{
		retention: ofPool("aircache_operator_retention_permille", "Retention that a pool's pods are asked for."),
		recall:    ofPool("aircache_operator_recall_ratio", "Share of the visual tokens' scores, as the pool's own policy scores, that its last requests kept."),
		agreement: ofPool("aircache_operator_agreement_ratio", "Share of compared tokens that are the full cache's, at the retention in force; absent while too few were compared."),
		replicas:  ofPool("aircache_operator_recommended_replicas", "Pods that the tuner would have, within the spec's bounds; absent while nothing is known."),
		candidate: ofPool("aircache_operator_canary_permille", "Retention that a share of the pool's requests try; 0 while none is on trial."),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aircache_operator_decisions_total", Help: "Decisions of the tuner, holds included.",
		}, []string{"action", "reason"}),
		scrapeSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "aircache_operator_scrape_seconds", Help: "Time to read one pod's metrics, failures included.",
			Buckets: []float64{.002, .005, .01, .025, .05, .1, .25, .5, 1},
		}),
		scrapeErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "aircache_operator_scrape_errors_total", Help: "Pods that gave no usable metrics.",
		}),
		pushes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aircache_operator_push_total", Help: "Directives sent to pods, by answer: acked, unknown_key (the pod was started before two rotations), refused, failed.",
		}, []string{"answer"}),
	}
	r.MustRegister(m.retention, m.recall, m.agreement, m.replicas, m.candidate, m.decisions, m.scrapeSeconds, m.scrapeErrors, m.pushes)
	return m
}

func (m *Metrics) note(name types.NamespacedName, s seen) {
	m.retention.WithLabelValues(name.Namespace, name.Name, s.name).Set(float64(s.applied.TargetPermille))
	m.candidate.WithLabelValues(name.Namespace, name.Name, s.name).Set(float64(s.applied.CandidatePermille))
	if r := s.sample.AppliedRecall; r.Count > 0 {
		m.recall.WithLabelValues(name.Namespace, name.Name, s.name).Set(r.Value)
	}
	if s.agreement.Count > 0 {
		m.agreement.WithLabelValues(name.Namespace, name.Name, s.name).Set(s.agreement.Value)
	} else {
		m.agreement.DeleteLabelValues(name.Namespace, name.Name, s.name)
	}
	switch n := s.decision.Replicas.Recommended; {
	case n > 0:
		m.replicas.WithLabelValues(name.Namespace, name.Name, s.name).Set(float64(n))
	case s.sample.Desired == 0: // an autoscaler adds the pools up: one that is empty by now must not count
		m.replicas.DeleteLabelValues(name.Namespace, name.Name, s.name)
	}
	m.decisions.WithLabelValues(string(s.decision.Action), string(s.decision.Reason)).Inc()
}

func (m *Metrics) scraped(results []observe.Result) {
	for _, r := range results {
		m.scrapeSeconds.Observe(r.Took.Seconds())
		if r.Err != nil {
			m.scrapeErrors.Inc()
		}
	}
}

func (m *Metrics) pushed(answers []directive.Result) {
	for _, a := range answers {
		var refused *control.Error
		switch {
		case a.Err == nil:
			m.pushes.WithLabelValues("acked").Inc()
		case errors.As(a.Err, &refused) && refused.Code == control.CodeUnknownKey:
			m.pushes.WithLabelValues("unknown_key").Inc()
		case refused != nil:
			m.pushes.WithLabelValues("refused").Inc()
		default:
			m.pushes.WithLabelValues("failed").Inc()
		}
	}
}

func (m *Metrics) forget(name types.NamespacedName) {
	for _, g := range []*prometheus.GaugeVec{m.retention, m.recall, m.agreement, m.replicas, m.candidate} {
		g.DeletePartialMatch(prometheus.Labels{"namespace": name.Namespace, "name": name.Name})
	}
}

func (m *Metrics) forgetPool(name types.NamespacedName, pool string) {
	for _, g := range []*prometheus.GaugeVec{m.retention, m.recall, m.agreement, m.replicas, m.candidate} {
		g.DeleteLabelValues(name.Namespace, name.Name, pool)
	}
}
