package server

import (
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"aircache.dev/aircache/runtime/engine"
)

// scrape reads /metrics into "name{label=value,...}" -> value; a histogram appears as _count and _sum.
func (w *world) scrape() map[string]float64 {
	w.t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(w.do("GET", "/metrics", "").body))
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]float64{}
	for name, family := range families {
		for _, m := range family.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			suffix := ""
			if len(labels) > 0 {
				suffix = "{" + strings.Join(labels, ",") + "}"
			}
			switch {
			case m.Histogram != nil:
				out[name+"_count"+suffix] = float64(m.Histogram.GetSampleCount())
				out[name+"_sum"+suffix] = m.Histogram.GetSampleSum()
			case m.Counter != nil:
				out[name+suffix] = m.Counter.GetValue()
			default:
				out[name+suffix] = m.Gauge.GetValue()
			}
		}
	}
	return out
}

func TestMetricsTellWhatTheEngineReported(t *testing.T) {
	w := newWorld(t)
	m := w.server.metrics
	m.Describe("v1", "cpu", "built-in (AVX2)", "none")
	m.Prefilled(engine.Prefill{TextTokens: 40, BytesFreed: 900, LayerBudgets: []int{50, 70}, Usage: engine.Usage{
		KVTokensSeen: 576, KVTokensKept: 57.5, Elite: 3, Recall: .8, RecallCurve: map[int]float64{10: .8, 50: .95},
		QueueSeconds: .25, PrefillSeconds: .5, CompressSeconds: .01}})
	m.Prefilled(engine.Prefill{TextTokens: 5}) // without a picture: no recall
	m.Agreed(engine.Agreement{RetentionPermille: 100, Steps: 16, Agreed: 12, KL: .5})
	m.Agreed(engine.Agreement{RetentionPermille: 100, Steps: 4, Agreed: 4})
	m.Token(true, .75)
	m.Token(false, .002)
	m.Stepped(engine.Step{Seconds: .002, KVTokens: 100, Batch: 2})
	m.Load(engine.Load{Running: 2, Waiting: 1, PagesUsed: 6, PagesFree: 2, BytesUsed: 60, BytesTotal: 80, UsageRatio: .75, DemandRatio: 1})
	m.Found(100, 60)
	m.Seen(3, 1)
	m.Preempted(500)
	m.Resumed(200)
	m.Load(engine.Load{Running: 1, Preempted: 1, PagesCached: 3, BytesOffloaded: 70, PagesUsed: 4, PagesFree: 4, BytesUsed: 40, BytesTotal: 80, UsageRatio: .5, DemandRatio: .5})
	m.Finished(engine.Finished{Reason: engine.FinishStop, TotalSeconds: 2, DecodeSeconds: 1.25})
	m.Finished(engine.Finished{Reason: engine.FinishAbort, TotalSeconds: 99})
	m.Panicked()

	const tiny = "{model_name=tiny}"
	got := w.scrape()
	for name, want := range map[string]float64{
		"aircache_retention_permille": 400, "aircache_retention_floor_permille": 100, "aircache_retention_ceiling_permille": 1000,
		"aircache_tuning_revision": 0, "aircache_tuning_epoch": 0,
		"aircache_visual_tokens_seen_total": 576, "aircache_visual_tokens_kept_total": 57.5, "aircache_text_tokens_prefilled_total": 45,
		"aircache_layer_budget_tokens{layer=0}": 50, "aircache_layer_budget_tokens{layer=1}": 70,
		"aircache_elite_tokens_sum": 3, "aircache_applied_recall_count{arm=stable}": 1, "aircache_applied_recall_sum{arm=stable}": .8,
		"aircache_recall_sum{retention_percent=10}": .8, "aircache_recall_sum{retention_percent=50}": .95,
		"aircache_shadow_steps_total{arm=stable}": 20, "aircache_shadow_steps_agreed_total{arm=stable}": 16,
		"aircache_agreement_sum{arm=stable}": 1.75, "aircache_agreement_kl_sum{arm=stable}": .5, "aircache_shadow_steps_total{arm=canary}": 0,
		"aircache_compression_seconds_sum": .01, "aircache_decode_step_seconds_sum": .002,
		"aircache_decode_step_kv_tokens_total": 100, "aircache_decode_step_batch_total": 2,
		"aircache_kv_pages{state=used}": 4, "aircache_kv_pages{state=free}": 4, "aircache_kv_bytes{state=used}": 40, "aircache_kv_bytes{state=total}": 80,
		"aircache_kv_bytes_freed_total": 900, "aircache_kv_usage_peak_ratio": 1, "aircache_panics_total": 1,
		"vllm:prefix_cache_queries_total" + tiny: 100, "vllm:prefix_cache_hits_total" + tiny: 60,
		"aircache_vision_cache_queries_total": 3, "aircache_vision_cache_hits_total": 1,
		"aircache_swap_bytes_total{direction=out}": 500, "aircache_swap_bytes_total{direction=in}": 200, "aircache_requests_swapped": 1,
		"aircache_prefix_cache_pages": 3, "aircache_prefix_cache_host_bytes": 70,
		"aircache_build_info{backend=cpu,blas=built-in (AVX2),version=v1}": 1, "aircache_gpu_info{product=none}": 1,
		"vllm:num_requests_running" + tiny: 1, "vllm:num_requests_waiting" + tiny: 0, "vllm:kv_cache_usage_perc" + tiny: .5,
		"vllm:cache_config_info{block_size=16,model_name=tiny,num_cpu_blocks=0,num_gpu_blocks=8}": 1,
		"vllm:prompt_tokens_total" + tiny:                                  621,
		"vllm:generation_tokens_total" + tiny:                              2,
		"vllm:request_success_total{finished_reason=stop,model_name=tiny}": 1, "vllm:num_preemptions_total" + tiny: 1,
		"vllm:time_to_first_token_seconds_sum" + tiny: .75, "vllm:inter_token_latency_seconds_sum" + tiny: .002,
		"vllm:e2e_request_latency_seconds_count" + tiny: 1, "vllm:e2e_request_latency_seconds_sum" + tiny: 2,
		"vllm:request_queue_time_seconds_sum" + tiny: .25, "vllm:request_prefill_time_seconds_sum" + tiny: .5, "vllm:request_decode_time_seconds_sum" + tiny: 1.25,
	} {
		if value, there := got[name]; !there || value != want {
			t.Errorf("%s is %v (there: %v), want %v", name, value, there, want)
		}
	}
}

func TestEachArmOfATrialHasItsOwnFigures(t *testing.T) {
	w := newWorld(t)
	m := w.server.metrics
	for i, canary := range []bool{true, false, false} {
		m.Prefilled(engine.Prefill{LayerBudgets: []int{50}, Usage: engine.Usage{KVTokensSeen: 576, Recall: .5 + .25*float64(i), Canary: canary}})
	}
	m.Agreed(engine.Agreement{RetentionPermille: 100, Canary: true, Steps: 16, Agreed: 12, KL: 1, Other: &engine.Paired{RetentionPermille: 300, Agreed: 16, KL: .5}})
	m.Agreed(engine.Agreement{RetentionPermille: 300, Steps: 8, Agreed: 8, Other: &engine.Paired{RetentionPermille: 100, Agreed: 8}})
	m.Agreed(engine.Agreement{RetentionPermille: 300, Steps: 16, Agreed: 15, Other: &engine.Paired{RetentionPermille: 100, Agreed: 16}})
	got := w.scrape()
	for name, want := range map[string]float64{
		"aircache_arm_requests_total{arm=stable}": 2, "aircache_arm_requests_total{arm=canary}": 1,
		"aircache_applied_recall_sum{arm=stable}": 1.75, "aircache_applied_recall_sum{arm=canary}": .5,
		"aircache_shadow_steps_total{arm=stable}": 40, "aircache_shadow_steps_agreed_total{arm=stable}": 39,
		"aircache_shadow_steps_total{arm=canary}": 40, "aircache_shadow_steps_agreed_total{arm=canary}": 36,
		"aircache_agreement_count{arm=stable}": 3, "aircache_agreement_sum{arm=canary}": 2.75, "aircache_agreement_kl_sum{arm=canary}": 1,
		"aircache_canary_pairs_total{candidate=worse}": 1, "aircache_canary_pairs_total{candidate=better}": 1, "aircache_canary_pairs_total{candidate=equal}": 1,
		"aircache_canary_retention_permille": 0, "aircache_canary_share_permille": 0,
	} {
		if value, there := got[name]; !there || value != want {
			t.Errorf("%s is %v (there: %v), want %v", name, value, there, want)
		}
	}
}

func TestRequestsAreCountedByRouteAndNotByWhatClientsMakeUp(t *testing.T) {
	w := newWorld(t)
	w.ask("").completion(t)
	w.do("GET", "/made/up/1", "")
	w.do("GET", "/made/up/2", "")
	got := w.scrape()
	for name, want := range map[string]float64{
		"aircache_http_requests_total{code=200,route=POST /v1/chat/completions}": 1,
		"aircache_http_requests_total{code=404,route=other}":                     2,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}
