package server

import "github.com/prometheus/client_golang/prometheus"

// swapMetrics tell of requests that were preempted.
type swapMetrics struct {
	preemptions prometheus.Counter
	bytes       *prometheus.CounterVec
	waiting     prometheus.Gauge
}

func newSwapMetrics(own, vllm maker) swapMetrics {
	m := swapMetrics{
		preemptions: vllm.counter("vllm:num_preemptions_total", "Requests whose cache was moved to host memory because others needed its pages; none where whole answers are promised."),
		bytes:       own.counters("aircache_swap_bytes_total", "Bytes of KV cache that were moved to host memory (out), and back (in).", "direction"),
		waiting:     own.gauges("aircache_requests_swapped", "Requests whose cache is in host memory; they count as waiting.").WithLabelValues(),
	}
	m.bytes.WithLabelValues("out")
	m.bytes.WithLabelValues("in")
	return m
}

// Preempted counts a request whose cache went to the host.
func (m *Metrics) Preempted(bytes int64) {
	m.swap.preemptions.Inc()
	m.swap.bytes.WithLabelValues("out").Add(float64(bytes))
}

// Resumed counts one whose cache came back.
func (m *Metrics) Resumed(bytes int64) { m.swap.bytes.WithLabelValues("in").Add(float64(bytes)) }
