package eval

import "math"

// Record is one finished sample.
type Record struct {
	Task           string  `json:"task"`
	Index          int     `json:"index"`
	PromptTokens   int     `json:"prompt_tokens"`
	PrefillSeconds float64 `json:"prefill_seconds"`
	KVBytesFull    int64   `json:"kv_bytes_full"`
	Answers        []Trial `json:"answers"`
}

// Trial is the sample decoded under one policy at one retention.
type Trial struct {
	Policy   string   `json:"policy"`
	Permille int      `json:"permille"`
	Text     string   `json:"text"`
	Score    float64  `json:"score"`
	Tokens   *float64 `json:"tokens,omitempty"` // share of right tokens, where there is only one right answer
	Measures
}

// Measures are what a trial costs and how far it strays from the full cache.
type Measures struct {
	Recall          float64 `json:"recall"`    // mean over layers of the kept share of importance, as the policy itself scores
	Agreement       float64 `json:"agreement"` // share of decode steps with the full cache's choice, fed the full cache's answer
	KL              float64 `json:"kl"`        // mean over these steps of KL(full || compressed), in nats
	KVBytes         int64   `json:"kv_bytes"`
	PeakBytes       int64   `json:"peak_bytes"`
	CompressSeconds float64 `json:"compress_seconds"`
}

// round drops digits that mean nothing: a journal of many samples is large.
func (m Measures) round() Measures {
	for _, v := range []*float64{&m.Recall, &m.Agreement, &m.KL, &m.CompressSeconds} {
		*v = round(*v)
	}
	return m
}

func round(v float64) float64 { return math.Round(v*1e6) / 1e6 }
