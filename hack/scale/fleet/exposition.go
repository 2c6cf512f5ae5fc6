package fleet

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
)

// sample is the /metrics of `aircache serve` with the tiny model after three requests: 45 KiB.
//
//go:embed metrics.txt
var sample string

// exposition is sample, cut at the values that differ from pod to pod.
type exposition []piece

// piece is fixed text and the name of the metric whose value follows; the last one has no name.
type piece struct{ text, metric string }

var shared = cut(sample, values{}.all())

// values are what a pretended pod says of itself.
type values struct {
	usage     float64 // of the KV pool, 0..1
	running   int
	served    int64
	target    int32
	epoch     int64
	revision  int64
	startedAt int64 // seconds since 1970
}

// all is the text of each metric that a pretended pod moves. A request has 1000 picture tokens and 100 of text.
func (v values) all() map[string]string {
	return map[string]string{
		"vllm:kv_cache_usage_perc":             fmt.Sprint(v.usage),
		"aircache_kv_usage_peak_ratio":         fmt.Sprint(v.usage),
		"vllm:num_requests_running":            fmt.Sprint(v.running),
		"vllm:request_success_total":           fmt.Sprint(v.served),
		"aircache_text_tokens_prefilled_total": fmt.Sprint(100 * v.served),
		"aircache_visual_tokens_seen_total":    fmt.Sprint(1000 * v.served),
		"aircache_visual_tokens_kept_total":    fmt.Sprint(v.served * int64(v.target)),
		"aircache_retention_permille":          fmt.Sprint(v.target),
		"aircache_tuning_epoch":                fmt.Sprint(v.epoch),
		"aircache_tuning_revision":             fmt.Sprint(v.revision),
		"process_start_time_seconds":           fmt.Sprint(v.startedAt),
	}
}

func cut(text string, moving map[string]string) exposition {
	var pieces exposition
	var fixed strings.Builder
	for line := range strings.Lines(text) {
		end := strings.LastIndexByte(line, ' ')
		name, _, _ := strings.Cut(line[:max(end, 0)], "{")
		if _, moves := moving[name]; !moves {
			fixed.WriteString(line)
			continue
		}
		fixed.WriteString(line[:end+1])
		pieces = append(pieces, piece{fixed.String(), name})
		fixed.Reset()
		fixed.WriteString("\n")
	}
	return append(pieces, piece{text: fixed.String()})
}

func (e exposition) write(to *bytes.Buffer, v values) {
	moving := v.all()
	for _, p := range e {
		to.WriteString(p.text)
		to.WriteString(moving[p.metric])
	}
}
