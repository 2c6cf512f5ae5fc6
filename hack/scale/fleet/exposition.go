package fleet

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// sample is the /metrics of `aircache serve` with the tiny model after three requests: 45 KiB.
//
//go:embed metrics.txt
var sample string

// exposition is sample in the format that the operator asks for, encoded once: what differs from pod to pod is put into its places.
type exposition struct {
	page   []byte
	places []place
}

// place is where the 8 bytes of a metric's value are.
type place struct {
	at     int
	metric string
}

var format = expfmt.NewFormat(expfmt.TypeProtoDelim)

var shared = encoded(families(sample), values{}.all())

// values are what a pretended pod says of itself.
type values struct {
	usage     float64 // of the KV pool, 0..1
	running   int
	served    int64
	kept      int64
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
		"aircache_visual_tokens_kept_total":    float64(v.kept),
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

// mark is a value that no metric has, the n-th of them.
func mark(n int) float64 { return math.Float64frombits(0xa11c_ac4e_0000_0000 + uint64(n)) }

func encoded(families []*dto.MetricFamily, moving map[string]float64) exposition {
	var page bytes.Buffer
	marks := map[string][]byte{}
	for _, f := range families {
		if _, moves := moving[f.GetName()]; moves {
			value := mark(len(marks))
			for _, m := range f.Metric {
				set(m, value)
			}
			marks[f.GetName()] = binary.LittleEndian.AppendUint64(nil, math.Float64bits(value))
		}
		if err := expfmt.NewEncoder(&page, format).Encode(f); err != nil {
			panic(fmt.Sprintf("metrics.txt: %v", err)) // it is part of the program
		}
	}
	e := exposition{page: page.Bytes()}
	for metric, value := range marks {
		for from := 0; ; {
			next := bytes.Index(e.page[from:], value)
			if next < 0 {
				break
			}
			e.places = append(e.places, place{from + next, metric})
			from += next + len(value)
		}
	}
	return e
}

func (e exposition) write(to *bytes.Buffer, v values) {
	begin := to.Len()
	to.Write(e.page)
	page, moving := to.Bytes()[begin:], v.all()
	for _, p := range e.places {
		binary.LittleEndian.PutUint64(page[p.at:], math.Float64bits(moving[p.metric]))
	}
}

func set(m *dto.Metric, value float64) {
	if m.Counter != nil {
		m.Counter.Value = &value
		return
	}
	m.Gauge.Value = &value
}
