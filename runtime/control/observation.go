package control

import "time"

// Observation is what a pod sees of itself at one moment. Counters (…Total) only
// grow while the pod runs; take differences of two observations for rates.
type Observation struct {
	ObservedAt time.Time `json:"observedAt"`
	Model      string    `json:"model"`
	Policy     string    `json:"policy"`
	Ready      bool      `json:"ready"`
	Draining   bool      `json:"draining"`

	Applied         Ack   `json:"applied"`
	FloorPermille   int32 `json:"floorPermille"`
	CeilingPermille int32 `json:"ceilingPermille"`

	Running int `json:"running"`
	Waiting int `json:"waiting"`

	KV      KVObservation      `json:"kv"`
	Tokens  TokenObservation   `json:"tokens"`
	Steps   StepObservation    `json:"steps"`
	Quality QualityObservation `json:"quality"`
}

// KVObservation is the page pool's state. UsagePeakRatio is the highest usage of
// the last 15 seconds, from 0 to 1; a moment in which a request waited for pages
// counts as 1. AdmissionBlocked says that one waits for pages now.
type KVObservation struct {
	PagesUsed        int64   `json:"pagesUsed"`
	PagesFree        int64   `json:"pagesFree"`
	BytesUsed        int64   `json:"bytesUsed"`
	BytesTotal       int64   `json:"bytesTotal"`
	BytesFreedTotal  int64   `json:"bytesFreedTotal"`
	UsageRatio       float64 `json:"usageRatio"`
	UsagePeakRatio   float64 `json:"usagePeakRatio"`
	AdmissionBlocked bool    `json:"admissionBlocked"`
}

// TokenObservation counts prompt and answer tokens. Visual tokens kept are the
// mean over the layers, hence a fraction.
type TokenObservation struct {
	VisualSeenTotal float64 `json:"visualSeenTotal"`
	VisualKeptTotal float64 `json:"visualKeptTotal"`
	TextTotal       float64 `json:"textTotal"`
	GeneratedTotal  float64 `json:"generatedTotal"`
}

// StepObservation sums over the decode steps: seconds, the KV tokens that they
// read, and the sequences that they advanced.
type StepObservation struct {
	CountTotal    int64   `json:"countTotal"`
	SecondsTotal  float64 `json:"secondsTotal"`
	KVTokensTotal float64 `json:"kvTokensTotal"`
	BatchTotal    float64 `json:"batchTotal"`
}

// QualityObservation counts the requests with pictures, and sums the applied recall over the compressed ones. Shadow
// steps are decode steps that were also taken with the whole cache: those at which
// both put the same token first, and the divergence in nats, summed over steps.
type QualityObservation struct {
	RequestsTotal int64   `json:"requestsTotal"`
	RecallCount   int64   `json:"recallCount"`
	RecallSum     float64 `json:"recallSum"`

	ShadowStepsTotal       int64   `json:"shadowStepsTotal"`
	ShadowStepsAgreedTotal int64   `json:"shadowStepsAgreedTotal"`
	ShadowKLTotal          float64 `json:"shadowKLTotal"`

	Canary CanaryObservation `json:"canary"`
}

// CanaryObservation is of the requests that got the candidate value, and of
// comparisons at that value; QualityObservation's own figures are those of the
// others. A request that is compared while a canary is under way is read by both
// values' caches: it is a pair, in which the candidate agrees with the whole cache
// at fewer steps (worse), more (better) or as many.
type CanaryObservation struct {
	RequestsTotal int64   `json:"requestsTotal"`
	RecallCount   int64   `json:"recallCount"`
	RecallSum     float64 `json:"recallSum"`

	ShadowStepsTotal       int64 `json:"shadowStepsTotal"`
	ShadowStepsAgreedTotal int64 `json:"shadowStepsAgreedTotal"`
	PairsTotal             int64 `json:"pairsTotal"`
	PairsWorseTotal        int64 `json:"pairsWorseTotal"`
	PairsBetterTotal       int64 `json:"pairsBetterTotal"`
}
