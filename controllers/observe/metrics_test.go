package observe

import (
	"fmt"
	"strings"
)

// podText writes what a pod would after so many requests. Each has 20 text, 100 picture and 10
// answer tokens, half of the picture kept, 50 ms to the first token of which 40 in prefill, 10 steps of 20 ms that read 400 KV tokens of two sequences, recall 0.8 at 10 % and 0.9
// at 50 %, and 15 of 16 next tokens as with the whole cache.
func podText(requests int, edits ...string) string {
	text := fmt.Sprintf(`# HELP aircache_retention_permille Applied share.
# TYPE aircache_retention_permille gauge
aircache_retention_permille 500
aircache_tuning_revision 7
aircache_tuning_epoch 2
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{model_name="tiny"} 3
vllm:num_requests_waiting{model_name="tiny"} 1
vllm:kv_cache_usage_perc{model_name="tiny"} 0.6
aircache_kv_usage_peak_ratio 0.75
process_start_time_seconds 1.7e+09
# TYPE vllm:request_success_total counter
vllm:request_success_total{finished_reason="stop",model_name="tiny"} %[1]d
vllm:request_success_total{finished_reason="length",model_name="tiny"} 0
# TYPE aircache_text_tokens_prefilled_total counter
aircache_text_tokens_prefilled_total %[2]d
# TYPE aircache_visual_tokens_seen_total counter
aircache_visual_tokens_seen_total %[3]d
aircache_visual_tokens_kept_total %[4]d
vllm:generation_tokens_total{model_name="tiny"} %[5]d
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{model_name="tiny",le="0.04"} 0
vllm:time_to_first_token_seconds_bucket{model_name="tiny",le="0.06"} %[1]d
vllm:time_to_first_token_seconds_bucket{model_name="tiny",le="+Inf"} %[1]d
vllm:time_to_first_token_seconds_sum{model_name="tiny"} %[6]g
vllm:time_to_first_token_seconds_count{model_name="tiny"} %[1]d
# TYPE aircache_recall histogram
aircache_recall_bucket{retention_percent="10",le="0.7"} 0
aircache_recall_bucket{retention_percent="10",le="0.85"} %[1]d
aircache_recall_bucket{retention_percent="10",le="+Inf"} %[1]d
aircache_recall_sum{retention_percent="10"} %[7]g
aircache_recall_count{retention_percent="10"} %[1]d
aircache_recall_bucket{retention_percent="50",le="+Inf"} %[1]d
aircache_recall_sum{retention_percent="50"} %[8]g
aircache_recall_count{retention_percent="50"} %[1]d
# TYPE aircache_applied_recall histogram
aircache_applied_recall_bucket{le="+Inf"} %[1]d
aircache_applied_recall_sum %[8]g
aircache_applied_recall_count %[1]d
# TYPE aircache_gpu_info gauge
aircache_gpu_info{product="NVIDIA-L40S"} 1
aircache_shadow_steps_total %[9]d
aircache_shadow_steps_agreed_total %[10]d
# TYPE aircache_agreement histogram
aircache_agreement_bucket{le="+Inf"} %[1]d
aircache_agreement_sum %[11]g
aircache_agreement_count %[1]d
# TYPE aircache_decode_step_seconds histogram
aircache_decode_step_seconds_bucket{le="+Inf"} %[5]d
aircache_decode_step_seconds_sum %[12]g
aircache_decode_step_seconds_count %[5]d
aircache_decode_step_kv_tokens_total %[13]d
aircache_decode_step_batch_total %[15]d
# TYPE vllm:request_prefill_time_seconds histogram
vllm:request_prefill_time_seconds_bucket{model_name="tiny",le="+Inf"} %[1]d
vllm:request_prefill_time_seconds_sum{model_name="tiny"} %[14]g
vllm:request_prefill_time_seconds_count{model_name="tiny"} %[1]d
# TYPE go_goroutines gauge
go_goroutines 12
`, requests, 20*requests, 100*requests, 50*requests, 10*requests,
		0.05*float64(requests), 0.8*float64(requests), 0.9*float64(requests),
		16*requests, 15*requests, 15./16*float64(requests),
		0.2*float64(requests), 4000*requests, 0.04*float64(requests), 20*requests)
	for i := 0; i+1 < len(edits); i += 2 {
		text = strings.ReplaceAll(text, edits[i], edits[i+1])
	}
	return text
}
