package tuning

import (
	"testing"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/deployment"
	"aircache.dev/aircache/controllers/testkit"
	"aircache.dev/aircache/controllers/tuner"
)

func TestTexts(t *testing.T) {
	for want, seconds := range map[string]float64{
		"0.42 s": 0.4237, "1.5 s": 1.4999, "12 s": 12.4, "31 ms": 0.03141, "100 ms": 0.0999, "0.82 ms": 0.00082, "3 ms": 0.003,
	} {
		if got := secondsText(seconds); got != want {
			t.Errorf("%v is %q, want %q", seconds, got, want)
		}
	}
	round := []seen{
		{sample: tuner.Sample{TTFT: tuner.Latency{P95Seconds: 0.2, Count: 5}, AppliedRecall: tuner.Mean{Value: 0.95, Count: 5}}},
		{sample: tuner.Sample{TTFT: tuner.Latency{P95Seconds: 0.42, Count: 5}, ITL: tuner.Latency{P95Seconds: 0.031, Count: 9}, AppliedRecall: tuner.Mean{Value: 0.93, Count: 5}}},
		{},
	}
	if got := latencyText(round); got != "ttft p95 0.42 s, itl p95 31 ms" {
		t.Errorf("got %q", got)
	}
	if got := qualityText(round); got != "recall 93%" {
		t.Errorf("got %q", got)
	}
	round[0].agreement, round[1].agreement = tuner.Mean{Value: 0.98, Count: 40}, tuner.Mean{Value: 0.99, Count: 40}
	if got := qualityText(round); got != "recall 93%, agreement 98%" {
		t.Errorf("got %q", got)
	}
	if latencyText(nil)+qualityText(nil) != "" {
		t.Error("nothing seen has a text")
	}
}

func TestSteadyChangesWithADecisionOrAfterTwoRounds(t *testing.T) {
	was := func(reason string) deployment.ConditionResult {
		return deployment.ConditionResult{Status: "True", Reason: reason}
	}
	var c steady
	for i, step := range []struct {
		see   string
		moved bool
		show  string
	}{
		{"LowConfidence", false, ""},
		{"Converged", false, "Converged"},
		{"Adjusting", false, "Converged"},
		{"Converged", false, "Converged"},
		{"Adjusting", false, "Converged"},
		{"Held", false, "Converged"},
		{"Held", false, "Held"},
		{"Adjusting", true, "Adjusting"},
	} {
		c.next(was(step.see), step.moved)
		if c.shown.Reason != step.show {
			t.Errorf("step %d: shows %q, want %q", i, c.shown.Reason, step.show)
		}
	}
}

func TestSubjectTellsModelsAndPoliciesApart(t *testing.T) {
	spec := func(edit func(*v1alpha1.AirCacheDeploymentSpec)) uint32 {
		d := testkit.Deployment("default", "docs")
		edit(&d.Spec)
		return subject(&d.Spec)
	}
	same := spec(func(*v1alpha1.AirCacheDeploymentSpec) {})
	for name, edit := range map[string]func(*v1alpha1.AirCacheDeploymentSpec){
		"policy":  func(s *v1alpha1.AirCacheDeploymentSpec) { s.Cache.Policy = v1alpha1.PolicyTGV },
		"options": func(s *v1alpha1.AirCacheDeploymentSpec) { s.Cache.Options = &v1alpha1.CacheOptions{Window: "Last32"} },
		"model":   func(s *v1alpha1.AirCacheDeploymentSpec) { s.Model.ServedName = "other" },
	} {
		if got := spec(edit); got == same || got == 0 {
			t.Errorf("another %s has the number %d", name, got)
		}
	}
	if got := spec(func(s *v1alpha1.AirCacheDeploymentSpec) { s.Tuning.IntervalSeconds = 30 }); got != same {
		t.Error("another interval is another subject")
	}
}
