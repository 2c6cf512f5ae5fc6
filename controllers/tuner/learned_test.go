package tuner

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestLearnedOutlivesARestart(t *testing.T) {
	_, s, _ := slow()
	s.CalibratedRecall, s.AgreementGuardPermille, s.Backoff, s.BackoffSeconds = 0.412, 300, 4, 1234
	again, err := Seed(s.Applied(), 900).WithAgreementGuard(300).WithLearned(s.Learned())
	if err != nil {
		t.Fatal(err)
	}
	if again.Learned() != s.Learned() {
		t.Errorf("%+v came back as %+v", s.Learned(), again.Learned())
	}
	change, _ := s.Steps.difference([3]float64{0, -100, 0})
	remembered, deviation := again.Steps.difference([3]float64{0, -100, 0})
	if math.Abs(change-remembered) > 1e-6 || deviation < 0.1*-change || deviation > 0.5*-change || !again.Steps.isKnown() {
		t.Errorf("100 thousand tokens fewer saved %g s, after the restart %g +- %g s", -change, -remembered, deviation)
	}
}

func TestAnotherSchemaIsLearnedAnew(t *testing.T) {
	s, err := Seed(Applied{Epoch: 1, Revision: 4, TargetPermille: 300}, 0).WithLearned(Learned{Version: 9, TextSharePermille: 400})
	if err == nil || !strings.Contains(err.Error(), "schema version 9, this tuner knows 1: it learns anew") || s.TextShare != 0 || s.TargetPermille != 300 {
		t.Errorf("got %+v, %v", s, err)
	}
	if s, err := Seed(Applied{Epoch: 1, Revision: 4, TargetPermille: 300}, 0).WithLearned(Learned{}); err != nil || s.TextShare != 0 {
		t.Errorf("a status of before the schema: %+v, %v", s, err)
	}
}

func FuzzLearned(f *testing.F) {
	f.Add(int32(1), int32(200), int64(18e6), int64(66e3), int64(1e5), int64(1e6), int32(400), int32(60), int32(2))
	f.Fuzz(func(t *testing.T, version, text int32, base, token, sequence, deviation int64, recall, backoff, power int32) {
		l := Learned{version, 7, text, base, token, sequence, deviation, recall, backoff * 2, backoff, power}
		s, _ := Seed(Applied{Epoch: 1, Revision: 4, TargetPermille: 300}, 0).WithAgreementGuard(200).WithLearned(l)
		if !s.isSound() {
			t.Fatalf("%+v makes an unsound state: %+v", l, s)
		}
		target, _, m := slow()
		if next, _ := Next(target, s, m); !next.isSound() {
			t.Fatalf("%+v makes an unsound next state: %+v", l, next)
		}
	})
}

// answers is the calm pool of agreement_test.go at 720 permille of a model like aircache-tiny, with a recall guard of 85 %.
func answers(agreed Mean) (Target, State, Sample) {
	t, s, m := watched(agreed)
	t.MinRecallPermille, t.StabilizationSeconds = 850, 30
	s.TargetPermille, s.ResidentPermille, m.VisualKept = 720, 720, 5760
	m.Recall = nil
	for _, r := range []int32{10, 20, 50, 100, 200, 350, 500} {
		m.Recall = append(m.Recall, RecallPoint{RetentionPermille: r, Mean: Mean{math.Sqrt(float64(r) / 1000), 200}})
	}
	return t, s, m
}

func TestAgreementCalibratesRecall(t *testing.T) {
	target, s, m := answers(Mean{0.998, 50})
	m.Hottest = Load{Usage: 0.9, Peak: 0.9, Running: 20}
	var d Decision
	var path []int32
	for range 400 {
		m.VisualKept = 8 * float64(s.TargetPermille)
		s, d = Next(target, s, m)
		if d.Action == Lower {
			path = append(path, d.TargetPermille)
		}
	}
	if len(path) < 4 || path[0] < 550 || s.TargetPermille > 120 || s.minRecall(target) > 0.34 {
		t.Errorf("under pressure the value went by %v to %d, recall asked %.3f", path, s.TargetPermille, s.minRecall(target))
	}
	m.Agreement = Mean{0.93, 50}
	for range 40 {
		m.VisualKept = 8 * float64(s.TargetPermille)
		before := s.TargetPermille
		if s, d = Next(target, s, m); d.Reason == ReasonQualityFloor {
			if s.TargetPermille <= before || s.minRecall(target) < 0.4 {
				t.Errorf("agreement broke at %d: the value is %d, recall asked %.3f", before, s.TargetPermille, s.minRecall(target))
			}
			return
		}
	}
	t.Errorf("93 %% agreement raised nothing: %s", d.Message)
}

func TestWithoutComparisonsRecallIsTakenAtItsWord(t *testing.T) {
	target, s, m := answers(Mean{})
	m.Hottest = Load{Usage: 0.9, Peak: 0.9, Running: 20}
	for range 200 {
		s, _ = Next(target, s, m)
	}
	if s.TargetPermille < 690 {
		t.Errorf("without evidence the value fell to %d, recall 85 %% is asked", s.TargetPermille)
	}
}

func TestCalibrationWorkedExample(t *testing.T) {
	target, s, m := watched(Mean{})
	s.AgreedShare, s.ComparedRequests = 0.995, 500
	m.Recall = []RecallPoint{{RetentionPermille: 200, Mean: Mean{0.85, 50}}}
	if got := s.calibrated(target, m).CalibratedRecall; math.Abs(got-0.817) > 1e-3 {
		t.Errorf("recall %.4f is believed to be enough, want 0.817", got)
	}
}

func TestReverts(t *testing.T) {
	r := Reverts{}
	for i, taken := range []bool{true, false, true, false, false, false} {
		if r = r.changed(); taken {
			r = r.takenBack()
		}
		if r.HoldSeconds != 0 {
			t.Fatalf("change %d holds for %v s", i, r.HoldSeconds)
		}
	}
	r = r.changed().takenBack().changed().takenBack().changed().takenBack()
	if r.HoldSeconds != holdAfterReverts || r.Last != 0 {
		t.Errorf("three in a row: %+v", r)
	}
}

func TestExplainSaysWhatWasPredicted(t *testing.T) {
	target, s, m := slow()
	m.Recall = []RecallPoint{{RetentionPermille: 100, Mean: Mean{0.3, 50}}, {RetentionPermille: 500, Mean: Mean{0.7, 50}}}
	e := Explain(target, s, m)
	compareGolden(t, "explain", e.String())
	if _, d := Next(target, s, m); d != e.Decision {
		t.Errorf("Next decides %+v, Explain %+v", d, e.Decision)
	}
	m.Scraped = 0
	if e := Explain(target, s, m); len(e.Alternatives) != 0 || e.Rules[len(e.Rules)-1] != "metrics" {
		t.Errorf("without metrics: %s", e)
	}
}

func TestExplainDecidesAsNext(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		b := make([]byte, 2048)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		in := source(b)
		var s State
		for len(in) > 0 {
			target, m := in.target(), in.sample()
			e := Explain(target, s, m)
			var d Decision
			if s, d = Next(target, s, m); d != e.Decision {
				t.Fatalf("Next decides %+v, Explain %+v", d, e.Decision)
			}
		}
	}
}

// A pool with all guards; one with a value on trial; and a round of 1,000 pools, which a core has to do in less than 2 s.
func BenchmarkNext(b *testing.B) {
	b.Run("pool", func(b *testing.B) { benchmarkNext(b, 1, false) })
	b.Run("pool with a trial", func(b *testing.B) { benchmarkNext(b, 1, true) })
	b.Run("1000 pools", func(b *testing.B) { benchmarkNext(b, 1000, true) })
}

func benchmarkNext(b *testing.B, pools int, onTrial bool) {
	target, s, m := slow()
	target.MinRecallPermille, target.MinAgreementPermille = 600, 970
	if onTrial {
		target.CanaryPermille, s.Canary = 100, Canary{CandidatePermille: 300, SharePermille: 100}
		m.Canary = compared(0.97, 3, 1, 1)
	}
	for _, r := range []int32{10, 20, 50, 100, 200, 350, 500} {
		m.Recall = append(m.Recall, RecallPoint{RetentionPermille: r, Mean: Mean{math.Sqrt(float64(r) / 1000), 200}})
	}
	b.ReportAllocs()
	states := slices.Repeat([]State{s}, pools)
	for b.Loop() {
		for i := range states {
			if states[i], _ = Next(target, states[i], m); onTrial {
				states[i].Canary.Seconds = 0 // it does not end
			}
		}
	}
}

func TestAnotherPolicyIsLearnedAnew(t *testing.T) {
	target, s, m := slow()
	target.Subject, target.ITLP95Seconds, target.MinAgreementPermille = 1, 0, 970
	s.CalibratedRecall, s.AgreementGuardPermille, s.BackoffSeconds, s.Backoff = 0.3, 400, 600, 1
	s, _ = Next(target, s, m)
	if s.CalibratedRecall != 0.3 || s.AgreementGuardPermille != 400 {
		t.Errorf("the first subject that is heard of cost what was learned: %+v", s.Learned())
	}
	again, err := Seed(s.Applied(), 0).WithAgreementGuard(400).WithLearned(s.Learned())
	if err != nil {
		t.Fatal(err)
	}
	target.Subject = 2
	for name, s := range map[string]State{"at once": s, "after a restart": again} {
		s, _ = Next(target, s, m)
		if s.CalibratedRecall != 0 || s.AgreementGuardPermille != 0 || s.Steps.Windows > 1 || s.TextShare == 0 || s.Subject != 2 {
			t.Errorf("%s: of another policy the tuner believes %+v", name, s.Learned())
		}
	}
}
