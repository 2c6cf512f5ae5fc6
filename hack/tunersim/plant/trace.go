package plant

import "aircache.dev/aircache/controllers/tuner"

// Trace is a story that the plant plays: who asks, what happens to the pods, and what the users were promised.
type Trace struct {
	Name    string
	About   string
	Seconds float64
	Seed    uint64

	Rate       func(at float64) float64 // requests a second, of all pods
	Mix        func(at float64) []Share
	BurstEvery float64 // mean seconds between bursts; 0: none

	Pools       []Pool
	NodeSeconds float64 // until a new pod serves
	MinReplicas int     // of the first pool; a policy may move between them
	MaxReplicas int
	HPA         *HPA    // somebody else moves the replicas
	Events      []Event // ordered

	Spoil func(at float64, pod string) Fault

	Target  tuner.Target // what spec asks of each pool
	Quality float64      // least agreement of a request
}

// Share is a kind of picture and its part of the requests.
type Share struct {
	Picture
	Share float64
}

// Pool is the pods of one GPU type.
type Pool struct {
	Name     string
	GPU      GPU
	Replicas int
}

// HPA is a HorizontalPodAutoscaler on the mean KV usage.
type HPA struct {
	TargetUsage float64
	Min, Max    int
}

// Event happens to the fleet.
type Event struct {
	At   float64
	Kind EventKind
	Pool int
}

// EventKind is what happens.
type EventKind string

// What may happen.
const (
	LosePod EventKind = "lose a pod" // its requests go to others; a new node comes
	Rollout EventKind = "roll out"   // one pod after the other is replaced
)

// Fault is how a pod's metrics are wrong.
type Fault int

// What a pod may say.
const (
	Honest    Fault = iota
	Missing         // no answer
	Old             // an answer of long ago
	Nonsense        // NaN or a negative number: the parser refuses it
	Huge            // finite and impossible
	Backwards       // counters fall
)

// Result is how a trace went under a policy.
type Result struct {
	Trace, Policy string

	Requests      int
	TTFTAttained  float64 // share of the requests within the objective
	ITLAttained   float64 // of which the mean time between tokens was
	Agreed        float64 // whose kind keeps the agreement objective at their retention
	Attained      float64 // all three
	KVAttained    float64 // share of the pods' time in which the pool's use was below its objective
	MeanRetention float64 // of the requests, 0..1
	MeanRecall    float64
	ReplicaHours  float64
	ChangesHour   float64 // of the retention, a pool

	Tried      float64 // share of the requests that got a value on trial
	TrialsHour float64 // values that were put on trial, a pool

	TTFTP95, ITLP95 float64
}
