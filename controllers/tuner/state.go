package tuner

// State is what the tuner remembers of a pool between two calls. The zero State is
// a new pool. It is small; after a restart Seed makes one from what status says.
type State struct { // see doc.go for x, F and p
	Seeded           bool // not the zero State
	TargetPermille   int32
	Epoch            int64
	Revision         int64
	LastGoodPermille int32

	SinceChangeSeconds float64
	Settled            bool // the pool's requests have the target, and since when
	SettledSeconds     float64
	CalmSeconds        float64 // headroom without a break
	PeriodSeconds      float64 // of that, in the present stabilisation period
	PeriodLoad         float64 // highest F of the present period
	LastPeriodLoad     float64 // and of the one before

	Steps            StepModel
	TextShare        float64 // x of the model; 0 = not known yet
	ResidentPermille float64
	GuardPermille    int32 // smallest retention that holds the recall objective
	WantPermille     int32 // what the model would choose

	ComparedRequests       float64 // since the pool's requests have the target
	AgreedShare            float64 // of their next tokens
	AgreementGuardPermille int32   // smallest retention that is believed to hold the agreement objective; 0 = any
	BackoffSeconds         float64 // left until it gives way
	Backoff                float64 // how often it failed, as a power of 2

	Canary         Canary
	FailedPermille int32 // highest retention that agreement was too low at; 0 = none. Below it nothing goes to all without a trial
	ProvenPermille int32 // without a recall guard: smallest retention that agreement has proven; 0 = none
	Violation      Violation

	Subject          uint32  // what the following, the agreement guard and Steps were learned of; 0 = not known
	CalibratedRecall float64 // smallest recall that agreement is sure to hold at; 0 = not known

	BrokenPermille int32   // a latency objective broke there; 0 = nowhere
	BrokenRate     float64 // under this load, in tokens a second
	BrokenSeconds  float64 // left until it is tried again
	GoodRaises     int32   // raises in a row that held
	Reverted       Reverts
	Rate           float64 // tokens a second that users offer, smoothed
	Usual          Usual
	LateSeconds    float64 // the time to first token is broken and requests wait
	PressedSeconds float64 // pressure that retention cannot take away
	SpareSeconds   float64 // one replica fewer would do
	Replicas       int32   // recommended last
	AskedFrom      int32   // what the pool was to have when more were asked for; 0: none are
	WaitingBefore  float64

	Probing        bool // the last change was a raise that is still being judged
	ProbePredicted float64
	ProbeLoad      float64
	ProbeRate      float64
	Caution        float64 // measured / predicted demand of a raise that failed
	CautionLoad    float64
}

// Seed is the State of a pool whose status says what was in force before a restart.
func Seed(last Applied, lastGoodPermille int32) State {
	return State{
		Seeded: true, TargetPermille: last.TargetPermille, Canary: canaryOf(last),
		Epoch: max(last.Epoch, 0), Revision: max(last.Revision, 0), LastGoodPermille: lastGoodPermille,
		Settled: true, SettledSeconds: peakMemorySeconds, // nothing was changed: the peak gauge can be believed at once
	}
}

// WithAgreementGuard is s with a guard that stood before a restart; it stands a first time.
func (s State) WithAgreementGuard(permille int32) State {
	if permille = clamp(permille, 0, 1000); permille > 0 {
		s.AgreementGuardPermille, s.Backoff, s.BackoffSeconds = permille, 1, agreementBackoffSeconds
	}
	return s
}

// Applied is the order and value that the pods should have.
func (s State) Applied() Applied {
	return Applied{
		Epoch: s.Epoch, Revision: s.Revision, TargetPermille: s.TargetPermille,
		CandidatePermille: s.Canary.CandidatePermille, CanaryPermille: s.Canary.SharePermille,
	}
}

// maxOrder bounds epochs and revisions, so that counting on from any of them cannot
// overflow and JSON readers that use doubles see the same number.
const maxOrder = 1 << 53

// prepared makes s usable: sound numbers, an order that is at least that of the
// pods, and a target.
func (s State) prepared(t Target, m Sample) State {
	if !s.Seeded || !s.isSound() {
		s = Seed(s.Applied(), s.LastGoodPermille)
	}
	s.Epoch, s.Revision = clampOrder(s.Epoch), clampOrder(s.Revision)
	s = s.adopted(m.Applied).about(t.Subject)
	if s.TargetPermille <= 0 {
		s.TargetPermille = t.StartPermille
		s.Revision = max(s.Revision, 1)
		s.Epoch = max(s.Epoch, 1)
	}
	if s.ResidentPermille <= 0 {
		s.ResidentPermille = float64(s.TargetPermille)
	}
	s.SinceChangeSeconds = min(s.SinceChangeSeconds+m.elapsed(), maxSeconds)
	return s
}

// about is s without what was learned of another model or policy: recall is a share of one policy's scores.
func (s State) about(subject uint32) State {
	if s.Subject != 0 && s.Subject != subject {
		s.CalibratedRecall, s.GuardPermille, s.Steps, s.Usual = 0, 0, StepModel{}, Usual{}
		s.AgreementGuardPermille, s.Backoff, s.BackoffSeconds, s.ProvenPermille, s.FailedPermille, s.Violation = 0, 0, 0, 0, 0, Violation{}
		s = s.withoutEvidence()
	}
	s.Subject = subject
	return s
}

// adopted takes over what the pods apply if that is newer than what s remembers: the
// operator died between telling the pods and writing status, or status was lost.
// What runs is what was decided last. The same order with another value is taken over
// too: an order keeps its meaning.
func (s State) adopted(a Applied) State {
	newer := a.Epoch > s.Epoch || a.Epoch == s.Epoch && a.Revision > s.Revision
	a = a.sound()
	other := a.Epoch == s.Epoch && a.Revision == s.Revision && a != s.Applied() && a.Revision > 0
	if !newer && !other || a.Epoch > maxOrder || a.Revision > maxOrder || a.Revision < 0 || a.TargetPermille < 1 || a.TargetPermille > 1000 {
		return s
	}
	s.Epoch, s.Revision, s.TargetPermille, s.Canary = a.Epoch, a.Revision, a.TargetPermille, canaryOf(a)
	s.SinceChangeSeconds, s.Settled, s.SettledSeconds, s.Probing = 0, false, 0, false
	return s.withoutCalm().withoutEvidence()
}

// changed is s with another target and the next revision.
func (s State) changed(permille int32) State {
	s.TargetPermille = permille
	s = s.reordered()
	s.Canary.Worse, s.Canary.Better = 0, 0 // they were against the value before
	s.SinceChangeSeconds, s.Settled, s.SettledSeconds = 0, false, 0
	return s.withoutCalm().withoutEvidence()
}

// reordered is s with the next revision.
func (s State) reordered() State {
	if s.Revision++; s.Revision > maxOrder {
		s.Epoch, s.Revision = s.Epoch+1, 1
	}
	return s
}

func (s State) withoutCalm() State {
	s.CalmSeconds, s.PeriodSeconds, s.PeriodLoad, s.LastPeriodLoad = 0, 0, 0, 0
	return s
}

// calmer is s after another calm window with the load full. The load of the last one to two
// stabilisation periods counts: an older one would keep a pool down that is idle by now.
func (s State) calmer(seconds, full, period float64) State {
	s.CalmSeconds = min(s.CalmSeconds+seconds, maxSeconds)
	if s.PeriodSeconds += seconds; s.PeriodSeconds > period {
		s.PeriodSeconds, s.LastPeriodLoad, s.PeriodLoad = seconds, s.PeriodLoad, 0
	}
	s.PeriodLoad = max(s.PeriodLoad, full)
	return s
}

// calmLoad is the highest load of the calm that is remembered.
func (s State) calmLoad() float64 { return max(s.PeriodLoad, s.LastPeriodLoad) }

const maxSeconds = 30 * 86400

func (s State) isSound() bool {
	for _, n := range [...]float64{
		s.Rate, s.Usual.Mean, s.Usual.Variance, s.Usual.Seconds, s.Usual.Rate, s.LateSeconds, s.BrokenRate, s.BrokenSeconds, s.PressedSeconds, s.SpareSeconds, s.WaitingBefore, s.CalibratedRecall, s.Reverted.HoldSeconds,
		s.SinceChangeSeconds, s.SettledSeconds, s.CalmSeconds, s.PeriodSeconds, s.PeriodLoad, s.LastPeriodLoad, s.TextShare, s.ResidentPermille,
		s.ProbePredicted, s.ProbeLoad, s.ProbeRate, s.Caution, s.CautionLoad, s.ComparedRequests, s.AgreedShare, s.BackoffSeconds, s.Backoff,
	} {
		if !(n >= 0) || n > maxNumber {
			return false
		}
	}
	return s.Steps.isSound() && s.Canary.isSound() && s.Violation.isSound() && s.Replicas >= 0 && s.AskedFrom >= 0 && s.FailedPermille >= 0 && s.FailedPermille <= 1000 && s.ProvenPermille >= 0 && s.ProvenPermille <= 1000 && s.GoodRaises >= 0 && s.CalibratedRecall <= 1 && s.TextShare <= 1 && s.AgreedShare <= 1 && s.AgreementGuardPermille >= 0 && s.AgreementGuardPermille <= 1000 && s.ResidentPermille <= 1000 && s.TargetPermille <= 1000
}

func clampOrder(n int64) int64 { return max(0, min(n, maxOrder)) }
