package observe

import (
	"errors"
	"fmt"
	"math"
	"sort"

	dto "github.com/prometheus/client_model/go"

	"aircache.dev/aircache/controllers/tuner"
)

// Snapshot is what one pod's metrics said at one moment.
type Snapshot struct {
	Product                  string
	RetentionPermille        int32
	Epoch, Revision          int64
	Running, Waiting         float64
	Usage, Peak              float64
	Blocked                  bool
	Counters                 Counters
	TTFT, ITL, QueueWait     Histogram
	Steps, Prefill           Sum                 // seconds of decode steps, and that requests spent in prefill
	Recall                   map[int32]Histogram // by retention in permille
	RecallSums               map[int32]Sum
	AppliedRecall            Sum
	Compared                 Sum   // shares of next tokens of requests that were compared with the whole cache
	CandidatePermille        int32 // on trial; 0: none
	CanaryPermille           int32 // share of the requests that get it
	CanaryRecall             Sum   // as AppliedRecall and Compared, of the value on trial
	CanaryCompared           Sum
	StartedAt                float64 // process start, seconds since 1970; 0 if the pod does not say
	hasUsage, hasRunning     bool
	hasWaiting, hasRetention bool
}

// Counters only grow while the pod lives.
type Counters struct {
	Finished, Preemptions, TextTokens, GeneratedTokens, VisualSeen, VisualKept float64
	ShadowSteps, ShadowAgreed                                                  float64 // next tokens that were compared; the same as the whole cache's
	StepKVTokens, StepBatch                                                    float64 // that the decode steps read and advanced
	CanaryRequests, CanaryShadowSteps, CanaryShadowAgreed                      float64 // as Shadow..., of the value on trial
	PairsWorse, PairsBetter                                                    float64 // requests compared at both values, by how the one on trial did
}

// Sum is the sum and the number of a histogram's observations.
type Sum struct{ Sum, Count float64 }

// Bucket counts the observations at or below a bound.
type Bucket struct{ Bound, Count float64 }

// Histogram has its buckets by ascending bound, the last one infinite.
type Histogram []Bucket

// missing names the first gauge without which the tuner cannot decide.
func (s *Snapshot) missing() error {
	for _, need := range []struct {
		has  bool
		name string
	}{
		{s.hasUsage, "vllm:kv_cache_usage_perc"},
		{s.hasRunning, "vllm:num_requests_running"},
		{s.hasWaiting, "vllm:num_requests_waiting"},
		{s.hasRetention, "aircache_retention_permille"},
	} {
		if !need.has {
			return fmt.Errorf("reading metrics: %s is missing", need.name)
		}
	}
	return nil
}

var errNotFinite = errors.New("the value is negative, not finite or over 2^53")

// maxNumber is the largest value that is believed: all whole numbers up to it are exact.
const maxNumber = 1 << 53

// number is the value of a gauge, counter or untyped metric.
func number(m *dto.Metric) (float64, error) {
	v := math.NaN()
	switch {
	case m.Gauge != nil:
		v = m.GetGauge().GetValue()
	case m.Counter != nil:
		v = m.GetCounter().GetValue()
	case m.Untyped != nil:
		v = m.GetUntyped().GetValue()
	}
	if !(v >= 0) || v > maxNumber {
		return 0, errNotFinite
	}
	return v, nil
}

func sum(m *dto.Metric) (Sum, error) {
	h := m.GetHistogram()
	if h == nil {
		return Sum{}, errors.New("it is not a histogram")
	}
	s := Sum{Sum: h.GetSampleSum(), Count: observations(h)}
	if !(s.Sum >= 0) || s.Sum > maxNumber {
		return Sum{}, errNotFinite
	}
	return s, nil
}

func observations(h *dto.Histogram) float64 {
	return math.Min(float64(h.GetSampleCount()), maxNumber)
}

// histogram reads the buckets. Bounds that do not ascend, or counts that fall, are an error.
func histogram(m *dto.Metric) (Histogram, error) {
	h := m.GetHistogram()
	if h == nil {
		return nil, errors.New("it is not a histogram")
	}
	out := make(Histogram, 0, len(h.GetBucket())+1)
	for _, b := range h.GetBucket() {
		if bound := b.GetUpperBound(); !math.IsInf(bound, 1) {
			out = append(out, Bucket{bound, math.Min(float64(b.GetCumulativeCount()), maxNumber)})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Bound < out[j].Bound })
	out = append(out, Bucket{math.Inf(1), observations(h)})
	for i, b := range out {
		if math.IsNaN(b.Bound) || i > 0 && (b.Bound <= out[i-1].Bound || b.Count < out[i-1].Count) {
			return nil, errors.New("its buckets do not ascend")
		}
	}
	return out, nil
}

// Applied is the tuning that the pod says it applies.
func (s *Snapshot) Applied() tuner.Applied {
	return tuner.Applied{
		Epoch: s.Epoch, Revision: s.Revision, TargetPermille: s.RetentionPermille,
		CandidatePermille: s.CandidatePermille, CanaryPermille: s.CanaryPermille,
	}
}
