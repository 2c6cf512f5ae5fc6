package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics is everything under /metrics that happens rather than holds: histograms
// and the counters next to them. What holds at a moment is read from the engine at
// the scrape (see observed.go).
type Metrics struct {
	registry *prometheus.Registry
	kvPeak   *peak
	totals   totals
	panics   prometheus.Counter
	requests *prometheus.CounterVec
	refused  *prometheus.CounterVec

	layerBudget    *prometheus.GaugeVec
	elite          prometheus.Histogram
	recallAt       *prometheus.HistogramVec
	appliedRecall  *prometheus.HistogramVec
	agreement      *prometheus.HistogramVec
	divergence     *prometheus.HistogramVec
	compression    prometheus.Histogram
	decodeStep     prometheus.Histogram
	success        *prometheus.CounterVec
	prefix         prefixMetrics
	swap           swapMetrics
	stalls         prometheus.Counter
	stalledSeconds prometheus.Gauge
	firstToken     prometheus.Histogram
	interToken     prometheus.Histogram
	endToEnd       prometheus.Histogram
	queueTime      prometheus.Histogram
	prefillTime    prometheus.Histogram
	decodeTime     prometheus.Histogram
	prepareSeconds prometheus.Histogram
	fetches        *prometheus.CounterVec
	fetchSeconds   prometheus.Histogram
}

// Buckets. vLLM's dashboards expect its own; the inter-token ones get 1 to 8 ms
// in front, where small models and compressed caches live.
var (
	shareBuckets      = prometheus.LinearBuckets(.05, .05, 20)
	fineSeconds       = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}
	firstTokenBuckets = []float64{.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160}
	interTokenBuckets = []float64{.001, .002, .003, .004, .005, .006, .008, .01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80}
	requestBuckets    = []float64{.01, .03, .1, .3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920}
	klBuckets         = []float64{1e-6, 1e-5, 1e-4, .001, .003, .01, .03, .1, .3, 1, 3, 10}
	eliteBuckets      = []float64{1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64}
)

// NewMetrics registers all of them for one served model.
func NewMetrics(servedName string, now func() time.Time) *Metrics {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	own := maker{r, nil}
	vllm := maker{r, prometheus.Labels{"model_name": servedName}}
	return &Metrics{
		registry: r,
		kvPeak:   &peak{now: now},
		panics:   own.counter("aircache_panics_total", "Panics that were contained, each in its request."),
		requests: own.counters("aircache_http_requests_total", "Requests by route and status.", "route", "code"),
		refused:  own.counters("aircache_tuning_refused_total", "Directives that were not applied, by the reason's code; not_signed and bad_signature never come from the operator.", "code"),

		layerBudget:    own.gauges("aircache_layer_budget_tokens", "Visual tokens that a layer kept in the last compressed request.", "layer"),
		elite:          own.histogram("aircache_elite_tokens", "Elite text rows that scored the pictures, mean over layers.", eliteBuckets),
		recallAt:       own.histograms("aircache_recall", "Share of the pictures' importance that a retention would hold, mean over layers.", shareBuckets, "retention_percent"),
		appliedRecall:  own.arms("aircache_applied_recall", "Share of the pictures' importance that the applied retention holds.", shareBuckets),
		agreement:      own.arms("aircache_agreement", "Share of a shadowed request's steps at which the whole cache puts the same token first.", shareBuckets),
		divergence:     own.arms("aircache_agreement_kl", "Mean divergence from the whole cache's distribution over a shadowed request's steps, in nats.", klBuckets),
		compression:    own.histogram("aircache_compression_seconds", "Time to score and compact one request's cache.", fineSeconds),
		decodeStep:     own.histogram("aircache_decode_step_seconds", "Time of one decode step over all running sequences.", fineSeconds),
		prefix:         newPrefixMetrics(own, vllm),
		swap:           newSwapMetrics(own, vllm),
		stalls:         own.counter("aircache_engine_stalls_total", "Times that the engine had requests and did nothing for them, for as long as --watchdog-seconds says."),
		stalledSeconds: own.gauges("aircache_engine_stalled_seconds", "For how long it has done nothing by now; 0 while it works.").WithLabelValues(),
		prepareSeconds: own.histogram("aircache_prepare_seconds", "Time to decode pictures and encode the prompt, before the queue.", fineSeconds),
		fetches:        own.counters("aircache_picture_fetches_total", "Pictures that requests named by URL, by result.", "result"),
		fetchSeconds:   own.histogram("aircache_picture_fetch_seconds", "Time to fetch a picture, or to give it up.", fineSeconds),
		success:        vllm.counters("vllm:request_success_total", "Requests that ended, by reason.", "finished_reason"),
		firstToken:     vllm.histogram("vllm:time_to_first_token_seconds", "From the engine's queue to the first token.", firstTokenBuckets),
		interToken:     vllm.histogram("vllm:inter_token_latency_seconds", "Between two tokens of one answer.", interTokenBuckets),
		endToEnd:       vllm.histogram("vllm:e2e_request_latency_seconds", "From the engine's queue to the last token.", requestBuckets),
		queueTime:      vllm.histogram("vllm:request_queue_time_seconds", "In the queue, before prefill.", requestBuckets),
		prefillTime:    vllm.histogram("vllm:request_prefill_time_seconds", "In prefill, vision tower included.", requestBuckets),
		decodeTime:     vllm.histogram("vllm:request_decode_time_seconds", "From the first token to the last.", requestBuckets),
	}
}

// fetched counts a picture that a request named by URL.
func (m *Metrics) fetched(took time.Duration, err error) {
	result := "ok"
	if err != nil {
		result = "failed"
	}
	m.fetches.WithLabelValues(result).Inc()
	m.fetchSeconds.Observe(took.Seconds())
}

// Describe publishes constants: what runs here, and on what.
func (m *Metrics) Describe(version, backend, blas, product string) {
	own := maker{m.registry, nil}
	own.gauges("aircache_build_info", "1, with the version and the backend as labels.", "version", "backend", "blas").WithLabelValues(version, backend, blas).Set(1)
	own.gauges("aircache_gpu_info", "1, with the accelerator's product name as a label.", "product").WithLabelValues(product).Set(1)
}

// Fetching publishes how many bytes of the model's files are here, and how many there will be; both 0 for a folder that was there.
func (m *Metrics) Fetching(progress func() (done, total int64)) {
	own := maker{m.registry, nil}
	own.gauge("aircache_model_fetched_bytes", "Bytes of the model's files that were fetched or found in the cache.", func() float64 { done, _ := progress(); return float64(done) })
	own.gauge("aircache_model_fetch_total_bytes", "Bytes of the model's files in all.", func() float64 { _, total := progress(); return float64(total) })
}

// Plan publishes how the device's memory is divided, in bytes by part.
func (m *Metrics) Plan(parts map[string]int64) {
	gauges := maker{m.registry, nil}.gauges("aircache_memory_plan_bytes", "The device's memory as it was divided before loading, by part; part device is all of it.", "part")
	for part, bytes := range parts {
		gauges.WithLabelValues(part).Set(float64(bytes))
	}
}

// maker registers metrics that share constant labels.
type maker struct {
	registry *prometheus.Registry
	labels   prometheus.Labels
}

func (k maker) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: k.labels})
	k.registry.MustRegister(c)
	return c
}

func (k maker) counters(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: k.labels}, labels)
	k.registry.MustRegister(c)
	return c
}

func (k maker) gauge(name, help string, value func() float64) {
	k.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: k.labels}, value))
}

func (k maker) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: k.labels}, labels)
	k.registry.MustRegister(g)
	return g
}

func (k maker) histogram(name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, ConstLabels: k.labels, Buckets: buckets})
	k.registry.MustRegister(h)
	return h
}

// arms is a histogram of each arm; both are there from the start, so that a rate sees the first observation.
func (k maker) arms(name, help string, buckets []float64) *prometheus.HistogramVec {
	h := k.histograms(name, help, buckets, "arm")
	h.WithLabelValues(armStable)
	h.WithLabelValues(armCanary)
	return h
}

func (k maker) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, ConstLabels: k.labels, Buckets: buckets}, labels)
	k.registry.MustRegister(h)
	return h
}
