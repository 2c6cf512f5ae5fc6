package tuner

import (
	"math"
	"strings"
	"testing"
)

// watched is a calm pool at 200 permille whose requests are compared, 97 % asked.
func watched(agreed Mean) (Target, State, Sample) {
	t, s, m := busy()
	t.MinAgreementPermille, t.StabilizationSeconds = 970, 1000
	s.TargetPermille, s.ResidentPermille = 200, 200
	m.Hottest, m.VisualKept, m.Agreement = Load{Usage: 0.3, Peak: 0.3, Running: 20}, 1600, agreed
	m.Recall = []RecallPoint{{RetentionPermille: 200, Mean: Mean{0.80, 20}}, {RetentionPermille: 350, Mean: Mean{0.90, 20}}}
	return t, s, m
}

func TestAgreementGuard(t *testing.T) {
	for _, c := range []struct {
		name    string
		agreed  Mean
		edit    func(*Target, *State, *Sample)
		to      int32
		says    string
		quality string
	}{
		{"too little agreement raises at once to where half of the missing recall is back", Mean{0.94, 400}, nil, 350,
			"retention goes from 20% to 35%: 94% of the next tokens of 400 compared requests agree with the whole cache, 97% are asked", "Violated"},
		{"without a recall curve it goes up one step", Mean{0.94, 400}, func(_ *Target, _ *State, m *Sample) { m.Recall = nil }, 300, "94% of the next tokens", "Violated"},
		{"evidence of earlier windows counts", Mean{0.94, 10}, func(_ *Target, s *State, _ *Sample) { s.AgreedShare, s.ComparedRequests = 0.94, 390 }, 350, "of 400 compared", "Violated"},
		{"what may be chance moves nothing", Mean{0.94, 30}, nil, 200, "calm for", "InsufficientSamples"},
		{"few requests say nothing, however bad", Mean{0.1, 19}, nil, 200, "calm for", "InsufficientSamples"},
		{"enough agreement is well", Mean{0.98, 400}, nil, 200, "calm for", "Agreeing"},
		{"requests of another value do not count", Mean{0.94, 400}, func(_ *Target, s *State, m *Sample) { s.ResidentPermille, m.Finished = 900, 0 }, 200, "calm for", "InsufficientSamples"},
		{"nor do those of the window in which the pool came to this one", Mean{0.94, 400}, func(_ *Target, s *State, _ *Sample) { s.Settled = false }, 200, "calm for", "InsufficientSamples"},
		{"the maximum ends the raise", Mean{0.90, 400}, func(t *Target, _ *State, _ *Sample) { t.MaxPermille = 300 }, 300, "90% of", "Violated"},
		{"a fixed value stays and is called too low", Mean{0.94, 400}, func(t *Target, _ *State, _ *Sample) { t.Mode, t.StartPermille = Fixed, 200 }, 200, "fixed at 20%", "Violated"},
		{"a recommendation stays too", Mean{0.94, 400}, func(t *Target, _ *State, _ *Sample) { t.Mode = Recommend }, 200, "recommending ", "Violated"},
		{"without the guard nothing is raised", Mean{0.10, 400}, func(t *Target, _ *State, _ *Sample) { t.MinAgreementPermille = 0 }, 200, "calm for", "GuardOff"},
		{"the guard of recall counts where it asks for more", Mean{0.96, 500}, func(t *Target, _ *State, m *Sample) {
			t.MinRecallPermille = 900
			m.Recall = []RecallPoint{{RetentionPermille: 200, Mean: Mean{0.80, 20}}, {RetentionPermille: 350, Mean: Mean{0.85, 20}}, {RetentionPermille: 500, Mean: Mean{0.90, 20}}}
		}, 500, "recall stays at or above 90%", "Violated"},
		{"a guard that stands stops a cut", Mean{}, func(_ *Target, s *State, m *Sample) {
			s.AgreementGuardPermille, s.BackoffSeconds = 200, 300
			m.Hottest = Load{Usage: 0.92, Peak: 0.92, Running: 20}
		}, 200, "this is the lowest value allowed", "InsufficientSamples"},
	} {
		t.Run(c.name, func(t *testing.T) {
			target, state, sample := watched(c.agreed)
			if c.edit != nil {
				c.edit(&target, &state, &sample)
			}
			next, d := Next(target, state, sample)
			if d.TargetPermille != c.to || !strings.Contains(d.Message, c.says) || d.Quality.Reason != c.quality || d.Quality.OK != (c.quality == "Agreeing") {
				t.Errorf("got %d, %q, %+v", d.TargetPermille, d.Message, d.Quality)
			}
			if changed := d.Action != Hold; changed && next.ComparedRequests != 0 {
				t.Errorf("%v requests of the old value count for the new one", next.ComparedRequests)
			}
		})
	}
}

func TestAgreementGuardGivesWayLaterWithEachFailure(t *testing.T) {
	target, s, m := watched(Mean{0.94, 400})
	m.Recall = nil // up by one step each time
	var waits []float64
	for range 6 {
		s.Settled, s.SettledSeconds, s.ResidentPermille, m.VisualKept = true, 60, float64(s.TargetPermille), 8*float64(s.TargetPermille)
		s, _ = Next(target, s, m)
		waits = append(waits, s.BackoffSeconds)
	}
	for i, want := range []float64{600, 1200, 2400, 4800, 9600, 9600} {
		if waits[i] != want {
			t.Fatalf("the guard stands for %v s after failures in a row", waits)
		}
	}
	m.Agreement = Mean{}
	guard := s.AgreementGuardPermille
	for range 9600 / 15 {
		if s.AgreementGuardPermille != guard {
			t.Fatalf("the guard moved with %v s left", s.BackoffSeconds)
		}
		s, _ = Next(target, s, m)
	}
	for range 40 {
		s, _ = Next(target, s, m)
	}
	if got := guard - s.AgreementGuardPermille; got < 100 || got > 130 {
		t.Errorf("in ten minutes the guard gave way by %d permille", got)
	}
	for range 600 {
		s, _ = Next(target, s, m)
	}
	if s.AgreementGuardPermille != 0 || s.Backoff != 0 {
		t.Errorf("a guard at the floor is remembered: %d, %v", s.AgreementGuardPermille, s.Backoff)
	}
}

func TestAgreementGuardOutlivesARestart(t *testing.T) {
	target, _, m := watched(Mean{})
	s := Seed(Applied{Epoch: 1, Revision: 4, TargetPermille: 200}, 0).WithAgreementGuard(350)
	s, d := Next(target, s, m)
	if d.TargetPermille != 350 || s.BackoffSeconds != 585 || !strings.Contains(d.Message, "too low before, 97% are asked") {
		t.Errorf("got %d, %q, %v s left", d.TargetPermille, d.Message, s.BackoffSeconds)
	}
	if s := Seed(Applied{Epoch: 1, Revision: 4, TargetPermille: 200}, 0).WithAgreementGuard(0); s.BackoffSeconds != 0 {
		t.Errorf("no guard stands for %v s", s.BackoffSeconds)
	}
}

func TestWorkedExamplesOfAgreement(t *testing.T) {
	if got := highest(0.9, 40); math.Abs(got-0.954) > 5e-4 {
		t.Errorf("the interval ends at %v, want 0.954", got)
	}
	if got := highest(1, 20); got != 1 {
		t.Errorf("20 of 20: the interval ends at %v", got)
	}
	target, s, m := watched(Mean{})
	s.AgreedShare = 0.94
	if got := s.neededForAgreement(target, m); got != 350 {
		t.Errorf("needed is %d, want 350", got)
	}
	if got, ok := recallAt(m.Recall, 275); !ok || math.Abs(got-0.85) > 1e-9 {
		t.Errorf("recall at 275 is %v, %v", got, ok)
	}
	if _, ok := recallAt(nil, 275); ok {
		t.Error("nothing measured has a recall")
	}
}

func TestOldEvidenceFades(t *testing.T) {
	s := State{}
	for range 100 {
		s = s.withEvidence(Mean{0.5, 20})
	}
	for range 50 {
		s = s.withEvidence(Mean{1, 20})
	}
	if s.ComparedRequests != maxCompared || s.AgreedShare < 0.9 {
		t.Errorf("after twice as many newer requests the share is %v of %v", s.AgreedShare, s.ComparedRequests)
	}
}
