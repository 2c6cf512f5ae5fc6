package tuner

import "fmt"

// enoughPermille of the ready pods must have answered: one lost pod among many does
// not stop the tuner, one of a few does.
const enoughPermille = 900

// staleIntervals is how many intervals old a sample may be.
const staleIntervals = 2

// minLatencies is how many observations a p95 needs to be believed.
const minLatencies = 5

// judgeMetrics is the finding for the MetricsAvailable condition (rule 2).
func judgeMetrics(t Target, m Sample) Finding {
	limit := staleIntervals * t.IntervalSeconds
	switch {
	case m.Expected <= 0:
		return Finding{Reason: "Stale", Message: "no pod is ready"}
	case m.Scraped <= 0:
		return Finding{Reason: "Stale", Message: fmt.Sprintf("none of %d ready pods gave metrics", m.Expected)}
	case !m.isSound():
		return Finding{Reason: "Stale", Message: "the metrics hold a number that is negative, not finite or over 2^53"}
	case m.AgeSeconds > limit:
		return Finding{Reason: "Stale", Message: fmt.Sprintf("the oldest metrics are %.0f s old, at most %.0f s are used", m.AgeSeconds, limit)}
	case m.Scraped*1000 < m.Expected*enoughPermille:
		return Finding{Reason: "PartialScrape", Message: fmt.Sprintf("%d of %d ready pods gave metrics", m.Scraped, m.Expected)}
	}
	return Finding{OK: true, Reason: "Fresh", Message: fmt.Sprintf("%d of %d ready pods gave metrics", m.Scraped, m.Expected)}
}

// missingReason is the Decision's word for metrics that judgeMetrics refused.
func missingReason(t Target, m Sample) Reason {
	switch {
	case m.Expected <= 0:
		return ReasonNoReadyPods
	case m.Scraped <= 0:
		return ReasonMetricsMissing
	case !m.isSound():
		return ReasonMetricsInvalid
	case m.AgeSeconds > staleIntervals*t.IntervalSeconds:
		return ReasonMetricsStale
	}
	return ReasonPartialScrape
}

// sampleUsable reports whether rates and gauges are there to decide by.
func (in *input) sampleUsable() bool {
	return judgeMetrics(in.target, in.sample).OK && in.sample.WindowSeconds > 0
}

// judgeObjectives is the finding for the ObjectivesMet condition.
func judgeObjectives(in *input, metrics Finding) Finding {
	if !metrics.OK {
		return Finding{Reason: "Unknown", Message: metrics.Message}
	}
	t, k := in.target, in.model
	if k.demand >= t.high() {
		if in.compressionCannotHelp() {
			return Finding{Reason: string(ReasonCompressionCannotHelp), Message: in.cannotHelpMessage()}
		}
		return Finding{Reason: string(ReasonKVPressure), Message: fmt.Sprintf("KV demand is %s of the pool, the objective is %s", share(k.demand), share(t.high()))}
	}
	if b := in.breach(); b.known {
		if gain, noise := in.latencyGain(b); in.model.canPredictSteps() && (!b.isTTFT || in.model.busy.known && in.state.LateSeconds >= in.lateEnough()) && (gain < minGain || gain < noise) {
			return Finding{Reason: string(ReasonCompressionCannotHelp), Message: b.message + ", and " + in.latencyCannotHelp(gain, noise)}
		}
		return Finding{Reason: string(ReasonLatencyBreach), Message: b.message}
	}
	return Finding{OK: true, Reason: "Met", Message: fmt.Sprintf("KV demand is %s of the pool, the objective is %s", share(k.demand), share(t.high()))}
}

// breach is a latency objective that is broken.
type breach struct {
	known   bool
	isTTFT  bool
	message string
}

// breach tells which latency objective is broken: that between tokens first, since retention acts on it directly.
func (in *input) breach() breach {
	t, m := in.target, in.sample
	for _, o := range [...]struct {
		name   string
		limit  float64
		isTTFT bool
		Latency
	}{
		{"inter-token latency", t.ITLP95Seconds, false, m.ITL},
		{"time to first token", t.TTFTP95Seconds, true, m.TTFT},
	} {
		if o.limit > 0 && o.Count >= minLatencies && o.P95Seconds > o.limit {
			return breach{true, o.isTTFT, fmt.Sprintf("p95 %s is %s, the objective is %s", o.name, milliseconds(o.P95Seconds), milliseconds(o.limit))}
		}
	}
	return breach{}
}

// milliseconds prints seconds: "55 ms", below ten "3.2 ms", below one "66 us".
func milliseconds(seconds float64) string {
	if seconds > 0 && seconds < 0.000995 {
		return fmt.Sprintf("%.0f us", 1e6*seconds)
	}
	if seconds < 0.00995 {
		return fmt.Sprintf("%.1f ms", 1000*seconds)
	}
	return fmt.Sprintf("%.0f ms", 1000*seconds)
}
