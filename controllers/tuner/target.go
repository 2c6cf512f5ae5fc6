package tuner

// Mode says who decides the retention.
type Mode string

const (
	Fixed     Mode = "Fixed"     // the declared value
	Recommend Mode = "Recommend" // the tuner only says what it would do
	Auto      Mode = "Auto"      // the tuner decides
)

// Target is what an object's spec asks for one pool.
type Target struct {
	Mode            Mode
	StartPermille   int32 // the fixed value, or where a tuned pool starts; 0 = MaxPermille
	FloorPermille   int32
	MaxPermille     int32
	MaxStepPermille int32

	KVHighPermille       int32 // objective: KV demand stays below; 0 = 850
	TTFTP95Seconds       float64
	ITLP95Seconds        float64
	MinRecallPermille    int32 // 0 = no recall guard
	MinAgreementPermille int32 // 0 = no agreement guard
	OnViolation          OnViolation
	CanaryPermille       int32 // share of the requests that try a value which nothing has proven; 0 = all take it at once

	// Subject tells one model and policy from another: what was learned of answers and steps holds for one of them only.
	Subject uint32

	MinReplicas, MaxReplicas int32 // of the recommendation; 0 = 1 and no limit

	IntervalSeconds      float64
	StabilizationSeconds float64
}

// OnViolation is what follows when a quality guard is broken.
type OnViolation string

const (
	RaiseRetention OnViolation = "RaiseRetention" // to the smallest value that is believed to be good; also the zero value
	FullCache      OnViolation = "FullCache"      // to the highest value allowed, for a time that doubles with each violation
	HoldRetention  OnViolation = "Hold"           // nothing is moved until the guard holds again or the spec changes
)

const (
	defaultKVHighPermille = 850
	defaultStepPermille   = 100
	maxReplicas           = 10000 // the API's limit
	defaultIntervalSecond = 15
)

// normalized puts every field into its range: zero values become the defaults that
// the API documents, and crossed bounds give way to the floor (quality wins).
func (t Target) normalized() Target {
	t.FloorPermille = clamp(t.FloorPermille, 1, 1000)
	if t.MaxPermille <= 0 {
		t.MaxPermille = 1000
	}
	t.MaxPermille = clamp(t.MaxPermille, t.FloorPermille, 1000)
	if t.StartPermille <= 0 {
		t.StartPermille = t.MaxPermille
	}
	t.StartPermille = clamp(t.StartPermille, t.FloorPermille, t.MaxPermille)
	if t.MaxStepPermille <= 0 {
		t.MaxStepPermille = defaultStepPermille
	}
	t.MaxStepPermille = clamp(t.MaxStepPermille, minChangePermille, 1000)
	if t.KVHighPermille <= 0 {
		t.KVHighPermille = defaultKVHighPermille
	}
	t.KVHighPermille = clamp(t.KVHighPermille, 100, 1000)
	t.MinRecallPermille = clamp(t.MinRecallPermille, 0, 1000)
	t.MinAgreementPermille = clamp(t.MinAgreementPermille, 0, 1000)
	t.CanaryPermille = clamp(t.CanaryPermille, 0, 1000)
	t.MinReplicas = max(t.MinReplicas, 1)
	if t.MaxReplicas <= 0 {
		t.MaxReplicas = maxReplicas
	}
	t.MaxReplicas = max(t.MaxReplicas, t.MinReplicas)
	if !(t.IntervalSeconds >= 1) || t.IntervalSeconds > 3600 {
		t.IntervalSeconds = defaultIntervalSecond
	}
	if !(t.StabilizationSeconds >= 0) || t.StabilizationSeconds > 86400 {
		t.StabilizationSeconds = 0
	}
	return t
}

// high is the demand at which pressure starts; a cut wants to end at cutTo, a raise below aim.
func (t Target) high() float64  { return float64(t.KVHighPermille) / 1000 }
func (t Target) cutTo() float64 { return cutOfHigh * t.high() }
func (t Target) aim() float64   { return aimOfHigh * t.high() }

// smallStep is the size of a raise.
func (t Target) smallStep() int32 { return max(t.MaxStepPermille/2, minChangePermille) }

func clamp[T int32 | float64](v, low, high T) T { return max(low, min(v, high)) }
