package tuning

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/tuner"
)

// latencyText is the column of the slowest pool: "ttft p95 0.42 s, itl p95 31 ms"; empty
// while nothing was answered.
func latencyText(round []seen) string {
	var ttft, itl tuner.Latency
	for _, s := range round {
		ttft, itl = slower(ttft, s.sample.TTFT), slower(itl, s.sample.ITL)
	}
	var parts []string
	if ttft.Count > 0 {
		parts = append(parts, "ttft p95 "+secondsText(ttft.P95Seconds))
	}
	if itl.Count > 0 {
		parts = append(parts, "itl p95 "+secondsText(itl.P95Seconds))
	}
	return strings.Join(parts, ", ")
}

func slower(a, b tuner.Latency) tuner.Latency {
	if b.Count > 0 && (a.Count == 0 || b.P95Seconds > a.P95Seconds) {
		return b
	}
	return a
}

// secondsText has two significant digits: 0.42 s, 31 ms, 0.8 ms.
func secondsText(seconds float64) string {
	if seconds >= 0.1 {
		return twoDigits(seconds) + " s"
	}
	return twoDigits(1000*seconds) + " ms"
}

func twoDigits(v float64) string {
	if v >= 10 {
		return strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 2, 64), 64)
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// qualityText is the column of the worst pools: "recall 93%, agreement 98%".
func qualityText(round []seen) string {
	var recall, agreement tuner.Mean
	for _, s := range round {
		recall, agreement = lower(recall, s.sample.AppliedRecall), lower(agreement, s.agreement)
	}
	var parts []string
	if recall.Count > 0 {
		parts = append(parts, fmt.Sprintf("recall %.0f%%", 100*recall.Value))
	}
	if agreement.Count > 0 {
		parts = append(parts, fmt.Sprintf("agreement %.0f%%", 100*agreement.Value))
	}
	return strings.Join(parts, ", ")
}

func lower(a, b tuner.Mean) tuner.Mean {
	if b.Count > 0 && (a.Count == 0 || b.Value < a.Value) {
		return b
	}
	return a
}

// qualityOf is what status says of one pool; what was not measured in this round stays as it was.
func qualityOf(s seen, before v1alpha1.PoolQuality) v1alpha1.PoolQuality {
	if r := s.sample.AppliedRecall; r.Count > 0 {
		before.RecallPermille = permille(r.Value)
	}
	before.AgreementPermille, before.ComparedRequests = permille(s.agreement.Value), int32(s.agreement.Count)
	return before
}

func permille(share float64) int32 { return int32(math.Round(1000 * share)) }
