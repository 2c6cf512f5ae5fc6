package tuning

import (
	"fmt"
	"math"
	"strconv"
	"strings"

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

// qualityText is the column of the pool with the lowest recall: "recall 93%".
func qualityText(round []seen) string {
	lowest := tuner.Mean{Value: math.Inf(1)}
	for _, s := range round {
		if r := s.sample.AppliedRecall; r.Count > 0 && r.Value < lowest.Value {
			lowest = r
		}
	}
	if lowest.Count == 0 {
		return ""
	}
	return fmt.Sprintf("recall %.0f%%", 100*lowest.Value)
}
