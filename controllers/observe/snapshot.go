package observe

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

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

// Histogram counts the observations at or below each of its bounds, which ascend to an infinite one. Histograms may share their Bounds.
type Histogram struct{ Bounds, Counts []float64 }

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
		return Histogram{}, errors.New("it is not a histogram")
	}
	all := h.GetBucket()
	slices.SortFunc(all, func(a, b *dto.Bucket) int { return cmp.Compare(a.GetUpperBound(), b.GetUpperBound()) })
	bounds, counts := make([]float64, 0, len(all)+1), make([]float64, 0, len(all)+1)
	for _, b := range all {
		if !math.IsInf(b.GetUpperBound(), 1) {
			bounds, counts = append(bounds, b.GetUpperBound()), append(counts, math.Min(float64(b.GetCumulativeCount()), maxNumber))
		}
	}
	bounds, counts = append(bounds, math.Inf(1)), append(counts, observations(h))
	for i := range bounds {
		if math.IsNaN(bounds[i]) || i > 0 && (bounds[i] <= bounds[i-1] || counts[i] < counts[i-1]) {
			return Histogram{}, errors.New("its buckets do not ascend")
		}
	}
	return Histogram{allBounds.share(bounds), counts}, nil
}

// Applied is the tuning that the pod says it applies.
func (s *Snapshot) Applied() tuner.Applied {
	return tuner.Applied{
		Epoch: s.Epoch, Revision: s.Revision, TargetPermille: s.RetentionPermille,
		CandidatePermille: s.CandidatePermille, CanaryPermille: s.CanaryPermille,
	}
}
