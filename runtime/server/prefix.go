package server

import (
	"github.com/prometheus/client_golang/prometheus"
)

// prefixMetrics tell what prompts found in the caches.
type prefixMetrics struct {
	queries, hits               prometheus.Counter // tokens
	pictureQueries, pictureHits prometheus.Counter
	pages, offloaded            prometheus.Gauge
}

func newPrefixMetrics(own, vllm maker) prefixMetrics {
	return prefixMetrics{
		queries:        vllm.counter("vllm:prefix_cache_queries_total", "Prompt tokens that were looked for in the prefix cache."),
		hits:           vllm.counter("vllm:prefix_cache_hits_total", "Those that were there, and not computed again."),
		pictureQueries: own.counter("aircache_vision_cache_queries_total", "Pictures that were prefilled, and so needed the vision tower's rows."),
		pictureHits:    own.counter("aircache_vision_cache_hits_total", "Those whose rows were still there, so that they did not go through the tower."),
		pages:          own.gauges("aircache_prefix_cache_pages", "Pages of the KV pool that hold prompts for others to come; they count as free, for they go when they are needed.").WithLabelValues(),
		offloaded:      own.gauges("aircache_prefix_cache_host_bytes", "Bytes of host memory that hold prompts whose pages were needed.").WithLabelValues(),
	}
}

// Found counts a prompt's tokens, and those that the prefix cache had.
func (m *Metrics) Found(tokens, cached int) {
	m.prefix.queries.Add(float64(tokens))
	m.prefix.hits.Add(float64(cached))
}

// Seen counts pictures, and those that did not go through the vision tower.
func (m *Metrics) Seen(pictures, cached int) {
	m.prefix.pictureQueries.Add(float64(pictures))
	m.prefix.pictureHits.Add(float64(cached))
}
