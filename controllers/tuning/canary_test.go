package tuning

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"aircache.dev/aircache/api/v1alpha1"
)

// onTrial is a pod under a load that would like less than the 62.5 % at which recall is what is asked, until a lower value is on trial.
func onTrial(t *testing.T, agreed float64) (*story, *v1alpha1.AirCacheDeployment, *fakePod) {
	s := newStory(t)
	d := s.create("docs")
	p := s.pod(d, "cpu", "docs-1")
	p.set(func(p *fakePod) { p.recall, p.trialed, p.usage = true, agreed, 0.95 })
	for range 60 {
		if s.look(1); s.tuning(d, "cpu").CandidatePermille > 0 {
			return s, d, p
		}
	}
	result, _ := s.loop.Get(d.UID)
	t.Fatalf("no trial was started: %+v", result.Pools["cpu"])
	return nil, nil, nil
}

func (s *story) lastDecision(d *v1alpha1.AirCacheDeployment) v1alpha1.Decision {
	result, _ := s.loop.Get(d.UID)
	decisions := result.Pools["cpu"].Decisions
	return decisions[len(decisions)-1]
}

func TestATrialIsToldToPodsAndStatusAndSurvivesTheOperator(t *testing.T) {
	s, d, p := onTrial(t, 1)
	applied, _, _ := p.get()
	got := s.tuning(d, "cpu")
	if applied.CandidatePermille != got.CandidatePermille || applied.CanaryPermille != 100 || applied.CandidatePermille >= applied.TargetPermille || got.AckedReplicas != 1 {
		t.Fatalf("the pod applies %+v, status would say %+v", applied, got)
	}
	if last := s.lastDecision(d); last.Action != "Try" || last.Reason != "CanaryStarted" || last.ToPermille != got.CandidatePermille || last.FromPermille != got.TargetPermille {
		t.Errorf("the decision is %+v", last)
	}
	if v := testutil.ToFloat64(s.loop.Metrics.candidate); int32(v) != got.CandidatePermille {
		t.Errorf("the metric says %v", v)
	}

	s.report(d)
	s.startOperator()
	s.look(2)
	if again := s.tuning(d, "cpu"); again.CandidatePermille != got.CandidatePermille {
		t.Fatalf("after a restart %+v, before %+v", again, got)
	}
	for range 60 {
		// Pressure takes the proven value in the same look.
		if s.look(1); strings.Contains(s.lastDecision(d).Message, "is proven, all may have it: 100% of the next tokens of 88 compared requests") {
			break
		}
	}
	if last, after := s.lastDecision(d), s.tuning(d, "cpu"); last.Action != "Lower" || after.TargetPermille != got.CandidatePermille || after.LowerBoundPermille != got.CandidatePermille {
		t.Errorf("%+v; status would say %+v", last, after)
	}
}

func TestATrialThatFailsEndsInThePodsAndIsRemembered(t *testing.T) {
	s, d, p := onTrial(t, 0.9)
	tried := s.tuning(d, "cpu").CandidatePermille
	s.look(6)
	applied, _, _ := p.get()
	if last := s.lastDecision(d); last.Reason != "CanaryDropped" || last.FromPermille != tried || applied.CandidatePermille != 0 || applied.CanaryPermille != 0 {
		t.Errorf("%+v; the pod applies %+v", last, applied)
	}
	if got := s.tuning(d, "cpu"); got.CandidatePermille != 0 || got.AgreementFloorPermille <= tried || got.Learned.FailedPermille != tried {
		t.Errorf("status would say %+v, learned %+v", got, got.Learned)
	}
}
