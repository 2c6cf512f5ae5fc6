package observe

import (
	"fmt"
	"strconv"

	dto "github.com/prometheus/client_model/go"
)

// readers put each metric that the tuner uses into the Snapshot. Several series of a
// family are added up.
var readers = map[string]func(*Snapshot, *dto.Metric) error{
	"vllm:kv_cache_usage_perc":      share(func(s *Snapshot, v float64) { s.Usage, s.hasUsage = max(s.Usage, v), true }),
	"vllm:num_requests_running":     gauge(func(s *Snapshot, v float64) { s.Running, s.hasRunning = s.Running+v, true }),
	"vllm:num_requests_waiting":     gauge(func(s *Snapshot, v float64) { s.Waiting, s.hasWaiting = s.Waiting+v, true }),
	"aircache_kv_usage_peak_ratio":  share(func(s *Snapshot, v float64) { s.Peak = max(s.Peak, v) }),
	"aircache_kv_admission_blocked": gauge(func(s *Snapshot, v float64) { s.Blocked = s.Blocked || v > 0 }),
	"aircache_retention_permille":   gauge(func(s *Snapshot, v float64) { s.RetentionPermille, s.hasRetention = int32(min(v, 1000)), true }),
	"aircache_tuning_epoch":         gauge(func(s *Snapshot, v float64) { s.Epoch = int64(v) }),
	"aircache_tuning_revision":      gauge(func(s *Snapshot, v float64) { s.Revision = int64(v) }),
	"process_start_time_seconds":    gauge(func(s *Snapshot, v float64) { s.StartedAt = v }),

	"vllm:request_success_total":           gauge(func(s *Snapshot, v float64) { s.Counters.Finished += v }),
	"vllm:num_preemptions_total":           gauge(func(s *Snapshot, v float64) { s.Counters.Preemptions += v }),
	"vllm:generation_tokens_total":         gauge(func(s *Snapshot, v float64) { s.Counters.GeneratedTokens += v }),
	"aircache_text_tokens_prefilled_total": gauge(func(s *Snapshot, v float64) { s.Counters.TextTokens += v }),
	"aircache_visual_tokens_seen_total":    gauge(func(s *Snapshot, v float64) { s.Counters.VisualSeen += v }),
	"aircache_visual_tokens_kept_total":    gauge(func(s *Snapshot, v float64) { s.Counters.VisualKept += v }),

	"aircache_arm_requests_total": arms(gauge(func(*Snapshot, float64) {}), gauge(func(s *Snapshot, v float64) { s.Counters.CanaryRequests += v })),
	"aircache_shadow_steps_total": arms(gauge(func(s *Snapshot, v float64) { s.Counters.ShadowSteps += v }),
		gauge(func(s *Snapshot, v float64) { s.Counters.CanaryShadowSteps += v })),
	"aircache_shadow_steps_agreed_total": arms(gauge(func(s *Snapshot, v float64) { s.Counters.ShadowAgreed += v }),
		gauge(func(s *Snapshot, v float64) { s.Counters.CanaryShadowAgreed += v })),
	"aircache_canary_pairs_total":        readPairs,
	"aircache_canary_retention_permille": gauge(func(s *Snapshot, v float64) { s.CandidatePermille = int32(min(v, 1000)) }),
	"aircache_canary_share_permille":     gauge(func(s *Snapshot, v float64) { s.CanaryPermille = int32(min(v, 1000)) }),

	"aircache_decode_step_kv_tokens_total": gauge(func(s *Snapshot, v float64) { s.Counters.StepKVTokens += v }),
	"aircache_decode_step_batch_total":     gauge(func(s *Snapshot, v float64) { s.Counters.StepBatch += v }),
	"aircache_decode_step_seconds":         sums(func(s *Snapshot) *Sum { return &s.Steps }),
	"vllm:request_prefill_time_seconds":    sums(func(s *Snapshot) *Sum { return &s.Prefill }),

	"vllm:time_to_first_token_seconds": buckets(func(s *Snapshot) *Histogram { return &s.TTFT }),
	"vllm:inter_token_latency_seconds": buckets(func(s *Snapshot) *Histogram { return &s.ITL }),
	"vllm:request_queue_time_seconds":  buckets(func(s *Snapshot) *Histogram { return &s.QueueWait }),

	"aircache_recall": readRecall,
	"aircache_applied_recall": arms(sums(func(s *Snapshot) *Sum { return &s.AppliedRecall }),
		sums(func(s *Snapshot) *Sum { return &s.CanaryRecall })),
	"aircache_agreement": arms(sums(func(s *Snapshot) *Sum { return &s.Compared }),
		sums(func(s *Snapshot) *Sum { return &s.CanaryCompared })),
	"aircache_gpu_info": readProduct,
}

func gauge(set func(*Snapshot, float64)) func(*Snapshot, *dto.Metric) error {
	return func(s *Snapshot, m *dto.Metric) error {
		v, err := number(m)
		if err == nil {
			set(s, v)
		}
		return err
	}
}

// share is a gauge of a share. Pods round, so a thousandth too much is one; more is a lie, and would speak for the whole pool.
func share(set func(*Snapshot, float64)) func(*Snapshot, *dto.Metric) error {
	return func(s *Snapshot, m *dto.Metric) error {
		v, err := number(m)
		if err == nil && v > 1.001 {
			err = fmt.Errorf("the share is %g, it must be from 0 to 1", v)
		}
		if err == nil {
			set(s, min(v, 1))
		}
		return err
	}
}

func buckets(of func(*Snapshot) *Histogram) func(*Snapshot, *dto.Metric) error {
	return func(s *Snapshot, m *dto.Metric) error {
		h, err := histogram(m)
		if err == nil {
			*of(s) = of(s).plus(h)
		}
		return err
	}
}

func sums(of func(*Snapshot) *Sum) func(*Snapshot, *dto.Metric) error {
	return func(s *Snapshot, m *dto.Metric) error {
		v, err := sum(m)
		*of(s) = of(s).plus(v)
		return err
	}
}

// arms reads a metric that each arm of a trial has. One without the label is of a pod that knows no trials.
func arms(stable, canary func(*Snapshot, *dto.Metric) error) func(*Snapshot, *dto.Metric) error {
	return func(s *Snapshot, m *dto.Metric) error {
		if label(m, "arm") == "canary" {
			return canary(s, m)
		}
		return stable(s, m)
	}
}

func readPairs(s *Snapshot, m *dto.Metric) error {
	v, err := number(m)
	if err != nil {
		return err
	}
	switch label(m, "candidate") {
	case "worse":
		s.Counters.PairsWorse += v
	case "better":
		s.Counters.PairsBetter += v
	}
	return nil
}

func readRecall(s *Snapshot, m *dto.Metric) error {
	percent, err := strconv.Atoi(label(m, "retention_percent"))
	if err != nil || percent < 1 || percent > 100 {
		return fmt.Errorf("retention_percent is %q, it must be a whole number from 1 to 100", label(m, "retention_percent"))
	}
	v, err := sum(m)
	if err != nil {
		return err
	}
	h, err := histogram(m)
	if err == nil {
		at := int32(10 * percent)
		s.Recall[at], s.RecallSums[at] = s.Recall[at].plus(h), s.RecallSums[at].plus(v)
	}
	return err
}

func readProduct(s *Snapshot, m *dto.Metric) error {
	if v, err := number(m); err != nil || v == 0 {
		return err
	}
	if product := label(m, "product"); product != "none" { // a pod on the CPU has no accelerator
		s.Product = product
	}
	return nil
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

func (s Sum) plus(o Sum) Sum { return Sum{s.Sum + o.Sum, s.Count + o.Count} }
