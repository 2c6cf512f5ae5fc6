package tuner

import (
	"fmt"
	"strings"
	"testing"
)

// trial is a pool at the recall objective's retention, 350 permille, with 250 on trial.
func trial() (Target, State, Sample) {
	t, s, m := busy()
	t.MinRecallPermille, t.MinAgreementPermille, t.CanaryPermille, t.MaxStepPermille = 600, 970, 100, 500
	m.Recall = []RecallPoint{
		{RetentionPermille: 100, Mean: Mean{0.3, 200}}, {RetentionPermille: 250, Mean: Mean{0.5, 200}},
		{RetentionPermille: 350, Mean: Mean{0.6, 200}}, {RetentionPermille: 500, Mean: Mean{0.7, 200}},
	}
	m.VisualKept = 0.35 * m.VisualSeen
	m.Hottest = Load{Usage: 0.6, Peak: 0.6, Running: 20}
	s.TargetPermille, s.ResidentPermille, s.GuardPermille, s.TextShare = 350, 350, 350, 0.1
	s.Canary = Canary{CandidatePermille: 250, SharePermille: 100}
	return t, s, m
}

// compared is so many requests that were compared at the candidate in this window.
func compared(share, n, worse, better float64) CanarySample {
	return CanarySample{Requests: n, Recall: Mean{0.5, n}, Agreement: Mean{share, n}, Worse: worse, Better: better}
}

func TestHowATrialEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		edit   func(*Target, *State, *Sample)
		reason Reason
		on     int32
	}{
		{"87 requests that agree are not enough to be sure", func(_ *Target, _ *State, m *Sample) { m.Canary = compared(1, 87, 0, 0) }, "", 250},
		{"88 are", func(_ *Target, _ *State, m *Sample) { m.Canary = compared(1, 88, 0, 0) }, ReasonCanaryPromoted, 0},
		{"where 99 % agree it takes more", func(_ *Target, _ *State, m *Sample) { m.Canary = compared(0.99, 160, 0, 0) }, "", 250},
		{"but no thousands", func(_ *Target, _ *State, m *Sample) { m.Canary = compared(0.99, 250, 0, 0) }, ReasonCanaryPromoted, 0},
		{"six pairs that are all worse drop it", func(_ *Target, _ *State, m *Sample) { m.Canary = compared(0.92, 8, 6, 0) }, ReasonCanaryDropped, 0},
		{"five say nothing", func(_ *Target, _ *State, m *Sample) { m.Canary = compared(0.92, 8, 5, 0) }, "", 250},
		{"as many better as worse say that the pictures are hard", func(_ *Target, _ *State, m *Sample) { m.Canary = compared(0.96, 19, 9, 9) }, "", 250},
		{"worse but good enough goes on", func(_ *Target, _ *State, m *Sample) { m.Canary = compared(0.98, 30, 20, 0) }, "", 250},
		{"surely below what is asked is dropped whatever the pairs say", func(_ *Target, _ *State, m *Sample) { m.Canary = compared(0.85, 30, 9, 9) }, ReasonCanaryDropped, 0},
		{"an hour without a result is enough", func(_ *Target, s *State, m *Sample) {
			s.Canary.Seconds, m.Canary = 3590, compared(0.97, 30, 2, 1)
		}, ReasonCanaryEnded, 0},
		{"the floor was raised above it", func(t *Target, _ *State, _ *Sample) { t.FloorPermille = 260 }, ReasonCanaryEnded, 0},
		{"the spec asks for none any more", func(t *Target, _ *State, _ *Sample) { t.CanaryPermille = 0 }, ReasonCanaryEnded, 0},
		{"without metrics it goes on for a while", func(_ *Target, _ *State, m *Sample) { m.Scraped = 0 }, "", 250},
		{"but not for ever", func(_ *Target, s *State, m *Sample) { s.Canary.BlindSeconds, m.Scraped = 290, 0 }, ReasonCanaryEnded, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			target, s, m := trial()
			c.edit(&target, &s, &m)
			next, d := Next(target, s, m)
			if d.Trial.Reason != c.reason || next.Canary.CandidatePermille != c.on || d.CandidatePermille != c.on {
				t.Errorf("got %+v, %d on trial: %s", d.Trial, next.Canary.CandidatePermille, d.Message)
			}
			if ended := c.reason != ""; ended != (next.Revision > s.Revision) || ended != (d.Action == Try) {
				t.Errorf("%s, revision %d after %d", d.Action, next.Revision, s.Revision)
			}
		})
	}
}

func TestAPromotedValueBoundsAndADroppedOneDoesNotComeBack(t *testing.T) {
	target, s, m := trial()
	m.Canary = compared(1, 100, 0, 0)
	s, d := Next(target, s, m)
	if s.TargetPermille != 350 || d.LowerPermille != 250 || s.Learned().CalibratedRecallPermille != 500 {
		t.Errorf("the value stays where it is, the bound goes down: %d, %d, %+v", s.TargetPermille, d.LowerPermille, s.Learned())
	}
	m.Canary, m.Hottest = CanarySample{}, Load{Usage: 0.99, Peak: 1, Blocked: true, Running: 20, Waiting: 20}
	if s, d = Next(target, s, m); s.TargetPermille != 250 {
		t.Errorf("pressure takes it at once: %s", d.Message)
	}

	target, s, m = trial()
	m.Canary = compared(0.9, 10, 7, 0)
	s, _ = Next(target, s, m)
	m.Canary, m.Hottest = CanarySample{}, Load{Usage: 0.99, Peak: 1, Blocked: true, Running: 20, Waiting: 20}
	for seconds := 0.; seconds < 600; seconds += 15 {
		if s, d = Next(target, s, m); s.Canary.isOn() || s.TargetPermille < 350 {
			t.Fatalf("after %.0f s %s", seconds, d.Message)
		}
	}
}

// Without a recall objective nothing but agreement proves a value. A moment's pressure waits for a trial, a queue for room does not.
func TestPressureWaitsForATrialUnlessItIsAcute(t *testing.T) {
	target, s, m := busy()
	target.MinAgreementPermille, target.CanaryPermille = 970, 100
	_, _, with := trial()
	m.Recall, s.TextShare = with.Recall, 0.18
	calm, d := Next(target, s, m)
	if calm.TargetPermille != 1000 || !calm.Canary.isOn() || d.Action != Try || d.Reason != ReasonCanaryStarted || !strings.Contains(d.Message, "no lower value is proven yet") {
		t.Errorf("%+v: %s", calm.Canary, d.Message)
	}
	m.Hottest.Blocked, m.Hottest.Waiting = true, 3
	if acute, d := Next(target, s, m); acute.TargetPermille != 900 {
		t.Errorf("%s", d.Message)
	}
	target.CanaryPermille = 0
	m.Hottest.Blocked, m.Hottest.Waiting = false, 0
	if all, d := Next(target, s, m); all.TargetPermille != 900 || all.Canary.isOn() {
		t.Errorf("without trials all get it at once: %s", d.Message)
	}
}

func TestAValueThatFailedComesBackThroughATrialOnly(t *testing.T) {
	target, s, m := busy()
	target.MinAgreementPermille, target.CanaryPermille, target.MaxStepPermille = 970, 100, 500
	_, _, with := trial()
	m.Recall, s.TextShare, s.FailedPermille = with.Recall, 0.18, 850
	m.Hottest = Load{Usage: 0.99, Peak: 1, Blocked: true, Running: 20, Waiting: 20}
	if s, d := Next(target, s, m); s.TargetPermille != 850+leastStep {
		t.Errorf("%s", d.Message)
	}
}

func TestATrialSurvivesARestart(t *testing.T) {
	target, s, m := trial()
	again := Seed(s.Applied(), 0)
	if again.Canary.CandidatePermille != 250 || again.Canary.SharePermille != 100 {
		t.Errorf("from status: %+v", again.Canary)
	}
	m.Applied = s.Applied()
	m.Applied.CandidatePermille, m.Applied.CanaryPermille = 0, 0
	m.Applied.Revision++
	if s, _ = Next(target, s, m); s.Canary.isOn() && s.Canary.CandidatePermille == 250 {
		t.Error("the pods were told of its end by somebody newer")
	}
}

func TestTheMeanOfBothArmsIsWhatThePoolSettlesAt(t *testing.T) {
	s := State{TargetPermille: 500, Canary: Canary{CandidatePermille: 200, SharePermille: 100}}
	if got := s.meanPermille(); got != 470 {
		t.Errorf("0.9*500 + 0.1*200 is %v", got)
	}
}

func TestTheLeastEvidenceThatPromotesIsThatOfTheComment(t *testing.T) {
	for n := 1.; ; n++ {
		if lowest(1, n) >= 0.97 {
			if n != 88 {
				t.Errorf("%v requests", n)
			}
			return
		}
	}
}

func TestOnViolation(t *testing.T) {
	broken := func(how OnViolation) (Target, State, Sample) {
		target, s, m := trial()
		target.OnViolation, target.CanaryPermille, s.Canary = how, 0, Canary{}
		s.AgreedShare, s.ComparedRequests, s.Settled, s.SettledSeconds = 0.9, 60, true, 60
		m.Agreement = Mean{0.9, 1}
		return target, s, m
	}
	for _, c := range []struct {
		how    OnViolation
		to     int32
		reason Reason
		words  string
	}{
		{RaiseRetention, 800, ReasonQualityFloor, "retention goes from 35% to 80%: 90% of the next tokens"},
		{"", 800, ReasonQualityFloor, "retention goes from 35% to 80%"},
		{FullCache, 1000, ReasonQualityFloor, "retention goes from 35% to 100% for 10 min: 90% of the next tokens"},
		{HoldRetention, 350, ReasonQualityViolated, "holding 35%, as the spec asks where a quality guard is broken: 90% of the next tokens"},
	} {
		t.Run(fmt.Sprintf("%q", c.how), func(t *testing.T) {
			target, s, m := broken(c.how)
			s, d := Next(target, s, m)
			if s.TargetPermille != c.to || d.Reason != c.reason || !strings.HasPrefix(d.Message, c.words) || d.Quality.Reason != "Violated" {
				t.Errorf("%d %s [%s]: %s", s.TargetPermille, d.Reason, d.Quality.Reason, d.Message)
			}
		})
	}
	t.Run("hold asks for replicas under pressure", func(t *testing.T) {
		target, s, m := broken(HoldRetention)
		m.Hottest = Load{Usage: 0.99, Peak: 1, Blocked: true, Running: 20, Waiting: 20}
		var d Decision
		for range 12 {
			if s, d = Next(target, s, m); s.TargetPermille != 350 {
				t.Fatalf("%s", d.Message)
			}
		}
		if d.Replicas.Recommended < 2 {
			t.Errorf("%+v", d.Replicas)
		}
	})
}
