package plant

// GPU is what a pod runs on. The figures are those of a 7B model in 16 bits (15.2 GB of weights, 57 KiB of KV cache a token: 28 layers,
// 4 KV heads of 128): weights and cache are read once a step at the card's bandwidth, a prefill takes 14 GFLOP a token at half of the
// card's dense throughput.
type GPU struct {
	Name                   string
	PoolTokens             float64 // KV pages
	StepBase               float64 // seconds: weights and launches
	StepPerToken           float64 // seconds a KV token that a step reads
	StepPerSequence        float64
	PrefillTokensPerSecond float64
	MaxBatch               int
}

// The cards of the traces.
var (
	// A10G: 24 GB at 600 GB/s, 70 TFLOPS: 4.6 GB of pages.
	A10G = GPU{"a10g", 80e3, 26e-3, 95e-9, 150e-6, 5000, 64}
	// L40S: 48 GB at 864 GB/s, 180 TFLOPS: 17 GB of pages.
	L40S = GPU{"l40s", 300e3, 18e-3, 66e-9, 100e-6, 12000, 128}
)

// Picture is a kind of question: how large its picture is, how long its answer, and what compression costs it.
type Picture struct {
	Name            string
	Visual          float64 // median of the tokens; lognormal
	VisualSpread    float64 // standard deviation of the logarithm
	Text            float64 // mean tokens of the question
	Answer          float64 // median tokens; lognormal
	AnswerSpread    float64
	RecallPower     float64 // recall(r) = r^power
	Disagreement    float64 // at a missing recall of 0.68
	CliffAt         float64 // below this share of tokens answers break; 0: nowhere
	LargestVisual   float64
	RecallDeviation float64 // between requests
}

// Pictures as document readers, photo describers and chart askers send them, for a model that tiles by resolution. The quality is that of
// docs/quality.md: a recall of 0.32 and an agreement of 99.8 % at 10 %.
var (
	Document = Picture{"document", 2600, 0.45, 60, 420, 0.6, 0.5, 0.0021, 0, 7300, 0.04}
	Photo    = Picture{"photo", 1100, 0.35, 40, 180, 0.5, 0.45, 0.0015, 0, 7300, 0.04}
	Chart    = Picture{"chart", 1500, 0.3, 80, 260, 0.5, 0.55, 0.003, 0, 7300, 0.04}
	Text     = Picture{"text only", 0, 0, 1500, 300, 0.5, 0.5, 0, 0, 0, 0}
)
