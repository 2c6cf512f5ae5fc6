package server

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"aircache.dev/aircache/runtime/control"
)

// observed publishes what the engine holds at the moment of the scrape. It reads
// one Observation, so that the figures of one scrape belong together.
type observed struct {
	read    func() (control.Observation, bool) // false: there is no engine yet
	singles []single
	pages   *prometheus.Desc
	bytes   *prometheus.Desc
}

// single is a metric of one figure.
type single struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(control.Observation) float64
}

const (
	gauge   = prometheus.GaugeValue
	counter = prometheus.CounterValue
)

// Metrics of both arms, and of the pairs.
var (
	stable = prometheus.Labels{"arm": armStable}
	canary = prometheus.Labels{"arm": armCanary}
)

const (
	armRequests = "Requests with pictures whose prompt is in the cache, by arm."
	armSteps    = "Decode steps that were also taken with the whole cache, to compare, by the arm whose retention was compared."
	armAgreed   = "Those at which both caches put the same token first."
	pairs       = "Requests that were compared at the stable retention and at the one on trial, by which of them agreed with the whole cache at more steps."
)

func newObserved(servedName string, read func() (control.Observation, bool)) *observed {
	vllm := prometheus.Labels{"model_name": servedName}
	of := func(name, help string, labels prometheus.Labels, kind prometheus.ValueType, value func(control.Observation) float64) single {
		return single{prometheus.NewDesc(name, help, nil, labels), kind, value}
	}
	return &observed{
		read:  read,
		pages: prometheus.NewDesc("aircache_kv_pages", "Pages of the KV pool, by state.", []string{"state"}, nil),
		bytes: prometheus.NewDesc("aircache_kv_bytes", "Bytes of the KV pool: used now, and in total.", []string{"state"}, nil),
		singles: []single{
			of("aircache_retention_permille", "Applied share of a picture's KV cache that new requests keep.", nil, gauge, func(o control.Observation) float64 { return float64(o.Applied.TargetPermille) }),
			of("aircache_retention_floor_permille", "Lowest retention that this pod accepts.", nil, gauge, func(o control.Observation) float64 { return float64(o.FloorPermille) }),
			of("aircache_retention_ceiling_permille", "Highest retention that this pod accepts.", nil, gauge, func(o control.Observation) float64 { return float64(o.CeilingPermille) }),
			of("aircache_tuning_revision", "Revision of the applied tuning; 0 is the start value.", nil, gauge, func(o control.Observation) float64 { return float64(o.Applied.Revision) }),
			of("aircache_tuning_epoch", "Epoch of the applied tuning.", nil, gauge, func(o control.Observation) float64 { return float64(o.Applied.Epoch) }),
			of("aircache_visual_tokens_seen_total", "Picture tokens prefilled.", nil, counter, func(o control.Observation) float64 { return o.Tokens.VisualSeenTotal }),
			of("aircache_visual_tokens_kept_total", "Picture tokens kept after compression, mean over layers.", nil, counter, func(o control.Observation) float64 { return o.Tokens.VisualKeptTotal }),
			of("aircache_text_tokens_prefilled_total", "Prompt tokens that are not a picture's.", nil, counter, func(o control.Observation) float64 { return o.Tokens.TextTotal }),
			of("aircache_decode_step_kv_tokens_total", "KV tokens that the decode steps read, mean over layers.", nil, counter, func(o control.Observation) float64 { return o.Steps.KVTokensTotal }),
			of("aircache_decode_step_batch_total", "Sequences that the decode steps advanced.", nil, counter, func(o control.Observation) float64 { return o.Steps.BatchTotal }),
			of("aircache_kv_bytes_freed_total", "Bytes of KV cache that compression gave back.", nil, counter, func(o control.Observation) float64 { return float64(o.KV.BytesFreedTotal) }),
			of("aircache_arm_requests_total", armRequests, stable, counter, func(o control.Observation) float64 { return float64(o.Quality.RequestsTotal) }),
			of("aircache_arm_requests_total", armRequests, canary, counter, func(o control.Observation) float64 { return float64(o.Quality.Canary.RequestsTotal) }),
			of("aircache_shadow_steps_total", armSteps, stable, counter, func(o control.Observation) float64 { return float64(o.Quality.ShadowStepsTotal) }),
			of("aircache_shadow_steps_total", armSteps, canary, counter, func(o control.Observation) float64 { return float64(o.Quality.Canary.ShadowStepsTotal) }),
			of("aircache_shadow_steps_agreed_total", armAgreed, stable, counter, func(o control.Observation) float64 { return float64(o.Quality.ShadowStepsAgreedTotal) }),
			of("aircache_shadow_steps_agreed_total", armAgreed, canary, counter, func(o control.Observation) float64 { return float64(o.Quality.Canary.ShadowStepsAgreedTotal) }),
			of("aircache_canary_pairs_total", pairs, prometheus.Labels{"candidate": "worse"}, counter, func(o control.Observation) float64 { return float64(o.Quality.Canary.PairsWorseTotal) }),
			of("aircache_canary_pairs_total", pairs, prometheus.Labels{"candidate": "better"}, counter, func(o control.Observation) float64 { return float64(o.Quality.Canary.PairsBetterTotal) }),
			of("aircache_canary_pairs_total", pairs, prometheus.Labels{"candidate": "equal"}, counter, func(o control.Observation) float64 {
				c := o.Quality.Canary
				return float64(c.PairsTotal - c.PairsWorseTotal - c.PairsBetterTotal)
			}),
			of("aircache_canary_retention_permille", "Retention on trial; 0 while none is.", nil, gauge, func(o control.Observation) float64 { return float64(o.Applied.CandidatePermille) }),
			of("aircache_canary_share_permille", "Share of the requests that get it.", nil, gauge, func(o control.Observation) float64 { return float64(o.Applied.CanaryPermille) }),
			of("aircache_kv_usage_peak_ratio", "Highest KV usage of the last 15 s, 0 to 1; 1 when a request waited for pages.", nil, gauge, func(o control.Observation) float64 { return o.KV.UsagePeakRatio }),
			of("aircache_kv_admission_blocked", "1 while the first waiting request waits for KV pages, not for compute.", nil, gauge, func(o control.Observation) float64 { return oneIf(o.KV.AdmissionBlocked) }),
			of("vllm:prompt_tokens_total", "Prompt tokens prefilled, pictures included.", vllm, counter, func(o control.Observation) float64 { return o.Tokens.VisualSeenTotal + o.Tokens.TextTotal }),
			of("vllm:generation_tokens_total", "Answer tokens generated.", vllm, counter, func(o control.Observation) float64 { return o.Tokens.GeneratedTotal }),
			of("vllm:num_requests_running", "Requests that decode.", vllm, gauge, func(o control.Observation) float64 { return float64(o.Running) }),
			of("vllm:num_requests_waiting", "Requests in the queue.", vllm, gauge, func(o control.Observation) float64 { return float64(o.Waiting) }),
			of("vllm:kv_cache_usage_perc", "Share of the KV pool in use, 0 to 1.", vllm, gauge, func(o control.Observation) float64 { return o.KV.UsageRatio }),
		},
	}
}

func (o *observed) Describe(out chan<- *prometheus.Desc) {
	for _, s := range o.singles {
		out <- s.desc
	}
	out <- o.pages
	out <- o.bytes
}

func (o *observed) Collect(out chan<- prometheus.Metric) {
	seen, ok := o.read()
	if !ok {
		return
	}
	for _, s := range o.singles {
		out <- prometheus.MustNewConstMetric(s.desc, s.kind, s.value(seen))
	}
	out <- prometheus.MustNewConstMetric(o.pages, gauge, float64(seen.KV.PagesUsed), "used")
	out <- prometheus.MustNewConstMetric(o.pages, gauge, float64(seen.KV.PagesFree), "free")
	out <- prometheus.MustNewConstMetric(o.bytes, gauge, float64(seen.KV.BytesUsed), "used")
	out <- prometheus.MustNewConstMetric(o.bytes, gauge, float64(seen.KV.BytesTotal), "total")
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// Pool is the shape of the KV pool; it is fixed once there is an engine.
type Pool struct {
	Pages      int   // of one layer each
	PageTokens int   // tokens of a page
	Bytes      int64 // of all pages
}

func (m *Metrics) publishPool(servedName string, p Pool) {
	m.totals.empty(p)
	maker{m.registry, prometheus.Labels{"model_name": servedName}}.
		gauges("vllm:cache_config_info", "1, with the KV pool's shape as labels; a block is a page of one layer.", "block_size", "num_gpu_blocks", "num_cpu_blocks").
		WithLabelValues(strconv.Itoa(p.PageTokens), strconv.Itoa(p.Pages), "0").Set(1)
}

// observe joins what the engine reported with what it applies and what the server knows.
func (s *Server) observe() (control.Observation, bool) {
	m := s.model.Load()
	if m == nil {
		return control.Observation{}, false
	}
	seen := s.metrics.totals.read()
	seen.ObservedAt = s.now().UTC()
	seen.Model, seen.Policy = s.opts.ServedName, s.opts.Policy
	seen.FloorPermille, seen.CeilingPermille = s.opts.FloorPermille, s.opts.CeilingPermille
	seen.Ready = s.state.Refusal() == nil
	seen.Draining = s.state.Draining()
	seen.Applied = m.Engine.Applied()
	seen.KV.UsagePeakRatio = s.metrics.kvPeak.highest()
	return seen, true
}
