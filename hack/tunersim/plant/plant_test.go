package plant

import (
	"math"
	"testing"

	"aircache.dev/aircache/controllers/tuner"
)

func named(t *testing.T, name string) *Trace {
	t.Helper()
	for _, trace := range Traces() {
		if trace.Name == name {
			return &trace
		}
	}
	t.Fatalf("there is no trace %q", name)
	return nil
}

func runFixed(trace *Trace, permille int32) (*Fleet, tuner.Sample) {
	f := NewFleet(trace)
	var last tuner.Sample
	for !f.Done() {
		f.Run(15)
		for i := range trace.Pools {
			last = f.Sample(i)
			f.Retain(i, tuner.Applied{Epoch: 1, Revision: 1, TargetPermille: permille})
		}
	}
	return f, last
}

func TestTheSameTraceRunsTheSame(t *testing.T) {
	trace := named(t, "bursts")
	trace.Seconds = 900
	a, _ := runFixed(trace, 300)
	b, _ := runFixed(trace, 300)
	if a.Result("") != b.Result("") {
		t.Errorf("got %+v and %+v", a.Result(""), b.Result(""))
	}
	trace.Seed++
	if c, _ := runFixed(trace, 300); c.Result("") == a.Result("") {
		t.Error("another seed is the same run")
	}
}

func TestNoRequestIsLost(t *testing.T) {
	for _, name := range []string{"spot loss", "rollout", "HPA"} {
		trace := named(t, name)
		f, _ := runFixed(trace, 200)
		held := 0
		for _, p := range f.pods {
			held += len(p.queue) + len(p.running)
			if p.prefill != nil {
				held++
			}
		}
		if sent := f.next; int(f.score.requests)+held != sent {
			t.Errorf("%s: %d sent, %.0f ended, %d held", name, sent, f.score.requests, held)
		}
	}
}

func TestArrivalsHaveTheRateOfTheTrace(t *testing.T) {
	trace := named(t, "steady")
	if got, want := float64(len(trace.arrivals()))/trace.Seconds, trace.Rate(0); math.Abs(got-want) > 0.05*want {
		t.Errorf("%.2f requests a second, the trace has %.2f", got, want)
	}
}

func TestStepsTakeWhatTheCardSays(t *testing.T) {
	p := newPod("p", "a10g", A10G, 0)
	for range 10 {
		p.running = append(p.running, &request{kind: &Document, kept: 2000, answer: 1e9, retention: 1000})
	}
	p.step(0, nil)
	want := A10G.StepBase + 20000*A10G.StepPerToken + 10*A10G.StepPerSequence
	if got := p.seen.steps.Sum / p.seen.steps.Count; math.Abs(got-want) > 1e-9 {
		t.Errorf("a step takes %g s, want %g", got, want)
	}
	if got := p.seen.StepKVTokens / p.seen.steps.Count; math.Abs(got-20000) > 1e-6 {
		t.Errorf("a step reads %g tokens", got)
	}
}

func TestAPromptWithoutRoomWaitsAndBlocks(t *testing.T) {
	p := newPod("p", "a10g", A10G, 0)
	p.running = []*request{{kind: &Document, kept: 79000, answer: 1e9}}
	p.queue = []*request{{kind: &Document, visual: 2000, text: 60, answer: 10}}
	p.step(0, nil)
	if s := p.snapshot(); !s.Blocked || s.Waiting != 1 || s.Peak != 1 || p.prefill != nil {
		t.Errorf("got %+v", s)
	}
}

// What docs/quality.md measured at 10 and 5 %; below, the plant is harsher.
func TestQualityIsThatOfTheMeasuredModel(t *testing.T) {
	for permille, want := range map[int32]float64{100: 0.9979, 50: 0.9932} {
		if got := Document.agreement(permille); math.Abs(got-want) > 0.016 {
			t.Errorf("agreement at %d permille is %.4f, measured %.4f", permille, got, want)
		}
	}
	if got := (&request{kind: &Document, visual: 100}).recall(100); math.Abs(got-0.32) > 0.01 {
		t.Errorf("recall at 10 %% is %.3f, measured 0.32", got)
	}
}

func TestTheOracleLeavesThePlantAlone(t *testing.T) {
	trace := named(t, "step")
	f := NewFleet(trace)
	f.Run(2400)
	before, used := f.Result(""), f.pods[0].used()
	best := f.BestRetention(0, 300)
	if after := f.Result(""); after != before || f.pods[0].used() != used {
		t.Errorf("looking ahead changed %+v to %+v", before, after)
	}
	if best >= 1000 || best < 50 {
		t.Errorf("under twice the load the oracle keeps %d permille", best)
	}
}
