package observe

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aircache.dev/aircache/controllers/tuner"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const second = time.Second

// saw is a scrape of a pod so many seconds after the start.
func saw(t *testing.T, pod string, seconds, requests int, edits ...string) Result {
	t.Helper()
	s, err := Parse(strings.NewReader(podText(requests, edits...)))
	if err != nil {
		t.Fatal(err)
	}
	return Result{Pod: pod, At: start.Add(time.Duration(seconds) * second), Snapshot: s}
}

func lost(pod string) Result { return Result{Pod: pod, Err: errors.New("timeout")} }

func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * second) }

func TestOnePodsSample(t *testing.T) {
	var m Memory
	m.Sample(at(0), []Result{saw(t, "a", 0, 10)})
	got := m.Sample(at(16), []Result{saw(t, "a", 15, 30)})
	want := tuner.Sample{
		Expected: 1, Scraped: 1, AgeSeconds: 1, WindowSeconds: 15,
		Hottest: tuner.Load{Usage: 0.6, Peak: 0.75, Running: 3, Waiting: 1}, Running: 3, Waiting: 1,
		Finished: 20, TextTokens: 400, GeneratedTokens: 200, VisualSeen: 2000, VisualKept: 1000,
		TTFT: tuner.Latency{P95Seconds: 0.04 + 0.95*0.02, Count: 20},
		// Nine of ten have 0.7 + 0.1*0.15 at 10 %; the histogram at 50 % has no bucket that says so.
		Recall: []tuner.RecallPoint{
			{RetentionPermille: 100, Mean: tuner.Mean{Value: 0.8, Count: 20}, Low: 0.715},
			{RetentionPermille: 500, Mean: tuner.Mean{Value: 0.9, Count: 20}},
		},
		Steps:          tuner.StepSums{Count: 200, Seconds: 4, KVTokens: 80000, Batch: 400},
		PrefillSeconds: 0.8, PodSeconds: 15,
		AppliedRecall: tuner.Mean{Value: 0.9, Count: 20},
		Agreement:     tuner.Mean{Value: 15. / 16, Count: 20},
		Applied:       tuner.Applied{Epoch: 2, Revision: 7, TargetPermille: 500},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(nearly)); diff != "" {
		t.Error(diff)
	}
	if m.Product() != "NVIDIA-L40S" {
		t.Errorf("product is %q", m.Product())
	}
}

func nearly(a, b float64) bool {
	return a == b || math.Abs(a-b) < 1e-9*math.Max(math.Abs(a), math.Abs(b))
}

func TestWindowsOfPodsThatComeAndGo(t *testing.T) {
	for _, c := range []struct {
		name     string
		rounds   func(m *Memory) tuner.Sample
		expected int
		scraped  int
		window   float64
		finished float64
	}{
		{"two pods add up", func(m *Memory) tuner.Sample {
			m.Sample(at(0), []Result{saw(t, "a", 0, 10), saw(t, "b", 0, 100)})
			return m.Sample(at(15), []Result{saw(t, "a", 15, 12), saw(t, "b", 15, 103)})
		}, 2, 2, 15, 5},
		{"the first round has gauges and no window", func(m *Memory) tuner.Sample {
			return m.Sample(at(0), []Result{saw(t, "a", 0, 10)})
		}, 1, 1, 0, 0},
		{"a new pod's past is not this window's", func(m *Memory) tuner.Sample {
			m.Sample(at(0), []Result{saw(t, "a", 0, 10)})
			return m.Sample(at(15), []Result{saw(t, "a", 15, 12), saw(t, "b", 15, 1000)})
		}, 2, 2, 15, 2},
		{"a replaced pod with the same address is a new pod", func(m *Memory) tuner.Sample {
			m.Sample(at(0), []Result{saw(t, "a", 0, 10)})
			return m.Sample(at(15), []Result{saw(t, "b", 15, 12)})
		}, 1, 1, 0, 0},
		{"a restarted container counts from zero", func(m *Memory) tuner.Sample {
			m.Sample(at(0), []Result{saw(t, "a", 0, 10)})
			return m.Sample(at(15), []Result{saw(t, "a", 15, 4, "1.7e+09", "1.71e+09")})
		}, 1, 1, 15, 4},
		{"a restarted container that has caught up is known by its start time", func(m *Memory) tuner.Sample {
			m.Sample(at(0), []Result{saw(t, "a", 0, 10)})
			return m.Sample(at(15), []Result{saw(t, "a", 15, 12, "1.7e+09", "1.71e+09")})
		}, 1, 1, 15, 12},
		{"one counter that fell resets them all", func(m *Memory) tuner.Sample {
			m.Sample(at(0), []Result{saw(t, "a", 0, 10, "process_start_time_seconds 1.7e+09\n", "")})
			return m.Sample(at(15), []Result{saw(t, "a", 15, 12, "process_start_time_seconds 1.7e+09\n", "", "kept_total 600", "kept_total 1")})
		}, 1, 1, 15, 12},
		{"comparisons that fell reset them all", func(m *Memory) tuner.Sample {
			m.Sample(at(0), []Result{saw(t, "a", 0, 10, "process_start_time_seconds 1.7e+09\n", "")})
			return m.Sample(at(15), []Result{saw(t, "a", 15, 12, "process_start_time_seconds 1.7e+09\n", "", "agreement_count 12", "agreement_count 1")})
		}, 1, 1, 15, 12},
		{"a process that goes backwards without a restart is not believed", func(m *Memory) tuner.Sample {
			m.Sample(at(0), []Result{saw(t, "a", 0, 10), saw(t, "b", 0, 10)})
			return m.Sample(at(15), []Result{saw(t, "a", 15, 12), saw(t, "b", 15, 4)})
		}, 2, 1, 15, 2},
		{"and is believed again from there on", func(m *Memory) tuner.Sample {
			m.Sample(at(0), []Result{saw(t, "a", 0, 10)})
			m.Sample(at(15), []Result{saw(t, "a", 15, 4)})
			return m.Sample(at(30), []Result{saw(t, "a", 30, 9)})
		}, 1, 1, 15, 5},
		{"a lost pod is expected and not scraped", func(m *Memory) tuner.Sample {
			m.Sample(at(0), []Result{saw(t, "a", 0, 10), saw(t, "b", 0, 10)})
			return m.Sample(at(15), []Result{saw(t, "a", 15, 12), lost("b")})
		}, 2, 1, 15, 2},
		{"a pod that was lost for one round has a longer window", func(m *Memory) tuner.Sample {
			m.Sample(at(0), []Result{saw(t, "a", 0, 10)})
			m.Sample(at(15), []Result{lost("a")})
			return m.Sample(at(30), []Result{saw(t, "a", 30, 13)})
		}, 1, 1, 30, 3},
		{"no pods, no sample", func(m *Memory) tuner.Sample { return m.Sample(at(0), nil) }, 0, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.rounds(&Memory{})
			if got.Expected != c.expected || got.Scraped != c.scraped || got.WindowSeconds != c.window || got.Finished != c.finished {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestTheHottestPodAndTheNewestTuningSpeakForThePool(t *testing.T) {
	var m Memory
	s := m.Sample(at(0), []Result{
		saw(t, "a", 0, 1, "peak_ratio 0.75", "peak_ratio 0.2", "revision 7", "revision 9"),
		saw(t, "b", 0, 1, "peak_ratio 0.75", "peak_ratio 0.97", "permille 500", "permille 400"),
		saw(t, "c", 0, 1),
	})
	if s.Hottest.Peak != 0.97 || s.Running != 9 || s.Waiting != 3 {
		t.Errorf("got %+v", s)
	}
	if want := (tuner.Applied{Epoch: 2, Revision: 9, TargetPermille: 500}); s.Applied != want {
		t.Errorf("applied is %+v, want %+v", s.Applied, want)
	}
}

func TestQuantile(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		name string
		h    Histogram
		want float64
	}{
		{"the worked example", histogramOf(0.1, 60, 0.2, 100, inf, 100), 0.1875},
		{"all in the first bucket", histogramOf(0.1, 100, inf, 100), 0.095},
		{"above the last bound it is the last bound", histogramOf(0.1, 10, inf, 100), 0.1},
		{"no observation has no quantile", histogramOf(0.1, 0, inf, 0), 0},
		{"no bucket has no quantile", Histogram{}, 0},
		{"only the infinite bucket says nothing", histogramOf(inf, 5), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.h.quantile(0.95); !nearly(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// histogramOf has a bound, then its count, and so on.
func histogramOf(pairs ...float64) (h Histogram) {
	for i := 0; i < len(pairs); i += 2 {
		h.Bounds, h.Counts = append(h.Bounds, pairs[i]), append(h.Counts, pairs[i+1])
	}
	return h
}

func TestPodsShareTheirBounds(t *testing.T) {
	var b boundLists
	own := b.share([]float64{1, 2})
	if same := b.share([]float64{1, 2}); &same[0] != &own[0] {
		t.Error("equal bounds are kept twice")
	}
	b.share(make([]float64, maxBounds+1))
	if len(b.lists) != 1 {
		t.Error("a list that no pod should have is kept")
	}
	for i := range 2 * maxBoundLists {
		b.share([]float64{float64(i)})
	}
	if len(b.lists) != maxBoundLists {
		t.Errorf("%d lists are kept, %d are allowed", len(b.lists), maxBoundLists)
	}
}

func TestHistogramsOfTwoVersionsAddUp(t *testing.T) {
	inf := math.Inf(1)
	got := histogramOf(1, 1, 3, 4, inf, 5).plus(histogramOf(2, 10, 3, 20, inf, 20))
	if want := histogramOf(1, 1, 2, 11, 3, 24, inf, 25); !cmp.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTheCurveForgetsOldPictures(t *testing.T) {
	var m Memory
	m.Sample(at(0), []Result{saw(t, "a", 0, 0)})
	worse := []string{`le="0.7"} 0`, `le="0.7"} 900`, `recall_sum{retention_percent="10"} 800`, `recall_sum{retention_percent="10"} 620`}
	first := m.Sample(at(15), []Result{saw(t, "a", 15, 100)})
	then := m.Sample(at(30), []Result{saw(t, "a", 30, 1000, worse...)})
	if p, q := first.Recall[0], then.Recall[0]; p.Value != 0.8 || p.Count != 100 || q.Count < 200 || q.Value >= 0.7 || q.Low >= 0.2 {
		t.Errorf("the curve had %+v, and has %+v after 900 worse requests", p, q)
	}
}

// armed are the edits that add a trial's figures to a pod's text: n requests got the candidate and were compared, each pair was worse.
func armed(n int, candidate string) []string {
	const compared, rest = "# TYPE aircache_decode_step_seconds histogram\n", "# TYPE go_goroutines gauge\n"
	return []string{compared, fmt.Sprintf(`aircache_agreement_bucket{arm="canary",le="+Inf"} %[1]d
aircache_agreement_sum{arm="canary"} %[1]d
aircache_agreement_count{arm="canary"} %[1]d
`, n) + compared, rest, fmt.Sprintf(`aircache_arm_requests_total{arm="stable"} 90
aircache_arm_requests_total{arm="canary"} %[1]d
aircache_shadow_steps_total{arm="canary"} %[2]d
aircache_shadow_steps_agreed_total{arm="canary"} %[3]d
aircache_canary_pairs_total{candidate="worse"} %[1]d
aircache_canary_pairs_total{candidate="better"} 1
aircache_canary_pairs_total{candidate="equal"} 3
aircache_canary_retention_permille %[4]s
aircache_canary_share_permille 100
`, n, 16*n, 12*n, candidate) + rest}
}

func TestEachArmOfATrialIsSeenAlone(t *testing.T) {
	var m Memory
	pods := func(seconds, n int, other string) []Result {
		return []Result{saw(t, "a", seconds, n, armed(n, "250")...), saw(t, "b", seconds, n, armed(n, other)...)}
	}
	m.Sample(at(0), pods(0, 10, "250"))
	s := m.Sample(at(15), pods(15, 14, "250"))
	if want := (tuner.CanarySample{Requests: 8, Agreement: tuner.Mean{Value: 0.75, Count: 8}, Worse: 8}); s.Canary != want {
		t.Errorf("got %+v, want %+v", s.Canary, want)
	}
	if s.Applied.CandidatePermille != 250 || s.Applied.CanaryPermille != 100 || s.Agreement.Value <= 0.9 {
		t.Errorf("%+v, agreement of the others %+v", s.Applied, s.Agreement)
	}
	if s = m.Sample(at(30), pods(30, 20, "300")); s.Canary.Requests != 6 {
		t.Errorf("a pod that still tries another value speaks for it: %+v", s.Canary)
	}
}
