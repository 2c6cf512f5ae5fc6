package fleet

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/proto"
)

// sample is the /metrics of `aircache serve` with the tiny model after three requests: 45 KiB.
//
//go:embed metrics.txt
var sample string

// exposition is sample in the format that the operator asks for, cut at the metrics that differ from pod to pod.
type exposition []piece

// piece is encoded metrics, and the one that comes behind them; the last piece has none.
type piece struct {
	fixed  []byte
	moving *dto.MetricFamily
}

var format = expfmt.NewFormat(expfmt.TypeProtoDelim)

var shared = cut(families(sample), values{}.all())

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

// all is each metric that a pretended pod moves. A request has 1000 picture tokens and 100 of text.
func (v values) all() map[string]float64 {
	served := float64(v.served)
	return map[string]float64{
		"vllm:kv_cache_usage_perc":             v.usage,
		"aircache_kv_usage_peak_ratio":         v.usage,
		"vllm:num_requests_running":            float64(v.running),
		"vllm:request_success_total":           served,
		"aircache_text_tokens_prefilled_total": 100 * served,
		"aircache_visual_tokens_seen_total":    1000 * served,
		"aircache_visual_tokens_kept_total":    served * float64(v.target),
		"aircache_retention_permille":          float64(v.target),
		"aircache_tuning_epoch":                float64(v.epoch),
		"aircache_tuning_revision":             float64(v.revision),
		"process_start_time_seconds":           float64(v.startedAt),
	}
}

// families are the metrics of a text, by name.
func families(text string) []*dto.MetricFamily {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	byName, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		panic(fmt.Sprintf("metrics.txt: %v", err)) // it is part of the program
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
}

func cut(families []*dto.MetricFamily, moving map[string]float64) exposition {
	var pieces exposition
	var fixed bytes.Buffer
	for _, f := range families {
		if _, moves := moving[f.GetName()]; !moves {
			encode(&fixed, f)
			continue
		}
		pieces = append(pieces, piece{bytes.Clone(fixed.Bytes()), f})
		fixed.Reset()
	}
	return append(pieces, piece{fixed: fixed.Bytes()})
}

func (e exposition) write(to io.Writer, v values) {
	moving := v.all()
	for _, p := range e {
		_, _ = to.Write(p.fixed) // the caller may have gone
		if p.moving == nil {
			continue
		}
		family := proto.CloneOf(p.moving)
		for _, m := range family.Metric {
			set(m, moving[family.GetName()])
		}
		encode(to, family)
	}
}

func set(m *dto.Metric, value float64) {
	if m.Counter != nil {
		m.Counter.Value = &value
		return
	}
	m.Gauge.Value = &value
}

func encode(to io.Writer, f *dto.MetricFamily) {
	_ = expfmt.NewEncoder(to, format).Encode(f) // the caller may have gone
}
