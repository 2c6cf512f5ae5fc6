package observe

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	s, err := Parse(strings.NewReader(podText(10)))
	if err != nil {
		t.Fatal(err)
	}
	if s.RetentionPermille != 500 || s.Epoch != 2 || s.Revision != 7 || s.Product != "NVIDIA-L40S" {
		t.Errorf("got %+v", s)
	}
	if s.Running != 3 || s.Waiting != 1 || s.Usage != 0.6 || s.Peak != 0.75 {
		t.Errorf("got %+v", s)
	}
	if want := (Counters{Finished: 10, TextTokens: 200, GeneratedTokens: 100, VisualSeen: 1000, VisualKept: 500, ShadowSteps: 160, ShadowAgreed: 150, StepKVTokens: 40000, StepBatch: 200}); s.Counters != want {
		t.Errorf("counters are %+v, want %+v", s.Counters, want)
	}
	if want := histogramOf(0.04, 0, 0.06, 10, math.Inf(1), 10); !cmp.Equal(s.TTFT, want) {
		t.Errorf("time to first token is %v, want %v", s.TTFT, want)
	}
	if want := map[int32]Sum{100: {8, 10}, 500: {9, 10}}; !cmp.Equal(s.RecallSums, want) {
		t.Errorf("recall sums are %v, want %v", s.RecallSums, want)
	}
	if want := histogramOf(0.7, 0, 0.85, 10, math.Inf(1), 10); !cmp.Equal(s.Recall[100], want) {
		t.Errorf("recall at 10 %% is %v, want %v", s.Recall[100], want)
	}
	if s.Steps != (Sum{2, 100}) || s.Prefill != (Sum{0.4, 10}) {
		t.Errorf("steps are %v, prefills %v", s.Steps, s.Prefill)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, says string }{
		{"nothing", "", "vllm:kv_cache_usage_perc is missing"},
		{"a pod without retention", podText(1, "aircache_retention_permille 500", ""), "aircache_retention_permille is missing"},
		{"text that is no metrics", "<html>not found</html>", "reading metrics"},
		{"a negative counter", podText(1, "seen_total 100", "seen_total -100"), "aircache_visual_tokens_seen_total"},
		{"a gauge that is no number", podText(1, "peak_ratio 0.75", "peak_ratio NaN"), "aircache_kv_usage_peak_ratio"},
		{"a pool that is twice full", podText(1, "usage_perc{model_name=\"tiny\"} 0.6", "usage_perc{model_name=\"tiny\"} 2"), "the share is 2"},
		{"a number over 2^53", podText(1, "revision 7", "revision 1e300"), "aircache_tuning_revision"},
		{"a retention that is no number", podText(1, `retention_percent="10"`, `retention_percent="ten"`), `retention_percent is "ten"`},
		{"buckets that shrink", podText(1, `le="0.04"} 0`, `le="0.04"} 9`), "do not ascend"},
		{"an endless answer", podText(1) + strings.Repeat("# x\n", maxMetricsBytes/4), "more than 4194304 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Parse(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error that says %q", err, c.says)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(podText(10))
	f.Add(podText(0))
	f.Add("vllm:kv_cache_usage_perc 1e400\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(strings.NewReader(text))
		if err != nil {
			return
		}
		checkUse(t, s)
	})
}

// checkUse holds what is made of a snapshot to what is always true of it.
func checkUse(t *testing.T, s Snapshot) {
	t.Helper()
	var m Memory
	first := m.Sample(start, []Result{{Pod: "a", At: start, Snapshot: s}})
	again := m.Sample(start.Add(second), []Result{{Pod: "a", At: start.Add(second), Snapshot: s}})
	if first.WindowSeconds != 0 || again.WindowSeconds != 1 {
		t.Errorf("windows are %v and %v", first.WindowSeconds, again.WindowSeconds)
	}
	for name, v := range map[string]float64{
		"usage": again.Hottest.Usage, "running": again.Running, "ttft": again.TTFT.P95Seconds, "finished": again.Finished,
	} {
		if !(v >= 0) || math.IsInf(v, 0) {
			t.Errorf("%s is %v", name, v)
		}
	}
	if again.Finished != 0 || again.TTFT.Count != 0 {
		t.Errorf("the same snapshot twice shows work: %+v", again)
	}
}
