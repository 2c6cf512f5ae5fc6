package tuner

import (
	"strings"
	"testing"
)

// slow is a calm pool at 1000 permille whose steps are known: 18 ms + 0.066 ms a thousand tokens + 0.1 ms a sequence. It reads 200
// thousand tokens a step, which is 33 ms in all; a fifth of the tokens is text.
func slow() (Target, State, Sample) {
	t, s, m := busy()
	t.ITLP95Seconds, t.TTFTP95Seconds, t.MaxStepPermille = 0.030, 2, 500
	for i := range 60 {
		batch, tokens := float64(10+i%10), float64(5000+1000*(i%7))
		s.Steps = s.Steps.learned(stepsOf(law(tokens*batch, batch), tokens*batch, batch), 15)
	}
	s.TextShare, m.Hottest = 0.2, Load{Usage: 0.5, Peak: 0.5, Running: 20}
	m.Steps = stepsOf(law(200e3, 20), 200e3, 20)
	m.ITL, m.TTFT = Latency{0.034, 400}, Latency{0.5, 20}
	m.PodSeconds, m.PrefillSeconds = 15, 3
	return t, s, m
}

func TestLatencyObjectives(t *testing.T) {
	for _, c := range []struct {
		name   string
		edit   func(*Target, *State, *Sample)
		action Action
		to     [2]int32 // from, to
		reason Reason
		says   string
	}{
		{"a broken inter-token latency lowers to where the model says it holds", nil, Lower, [2]int32{600, 800}, ReasonLatencyBreach, "p95 inter-token latency is 34 ms, the objective is 30 ms"},
		{"where weights take the time compression cannot help", func(_ *Target, _ *State, m *Sample) {
			m.Steps = stepsOf(law(5e3, 20), 5e3, 20)
		}, Hold, [2]int32{1000, 1000}, ReasonCompressionCannotHelp, "would make the pods' work only"},
		{"an unknown law decides nothing", func(_ *Target, s *State, _ *Sample) { s.Steps = StepModel{} }, Hold, [2]int32{1000, 1000}, ReasonLatencyBreach, "holding"},
		{"a noisy law decides nothing", func(_ *Target, s *State, _ *Sample) { s.Steps.Noise = 1 }, Hold, [2]int32{1000, 1000}, ReasonCompressionCannotHelp, "+-"},
		{"at the floor more replicas are needed", func(t *Target, s *State, m *Sample) {
			t.FloorPermille, s.TargetPermille, s.ResidentPermille, m.VisualKept = 300, 300, 300, 2400
		}, Hold, [2]int32{300, 300}, ReasonAtFloor, "more replicas"},
		{"a time to first token that was late for a moment is no reason", func(t *Target, _ *State, m *Sample) {
			t.ITLP95Seconds, m.TTFT, m.Waiting = 0, Latency{4, 20}, 6
		}, Hold, [2]int32{1000, 1000}, ReasonLatencyBreach, "p95 time to first token is 4000 ms"},
		{"one that stays late while pods decode lowers by a step", func(t *Target, s *State, m *Sample) {
			t.ITLP95Seconds, m.TTFT, m.Waiting, s.LateSeconds = 0, Latency{4, 20}, 6, 120
		}, Lower, [2]int32{500, 500}, ReasonLatencyBreach, "4000 ms, the objective is 2000 ms"},
		{"one that stays late while pods prefill cannot be helped", func(t *Target, s *State, m *Sample) {
			t.ITLP95Seconds, m.TTFT, m.Waiting, s.LateSeconds, m.PrefillSeconds = 0, Latency{4, 20}, 6, 120, 12
		}, Hold, [2]int32{1000, 1000}, ReasonCompressionCannotHelp, "77.9% of their time is prefill"},
		{"a value that broke an objective is not raised to again", func(_ *Target, s *State, m *Sample) {
			m.ITL = Latency{0.020, 400}
			s.TargetPermille, s.ResidentPermille, m.VisualKept, s.CalmSeconds = 500, 500, 4000, 300
			s.BrokenPermille, s.BrokenRate, s.BrokenSeconds = 520, 600, 900
		}, Hold, [2]int32{500, 500}, ReasonInBand, "a latency objective broke at 52% under this load"},
		{"under half of the load it is tried again", func(_ *Target, s *State, m *Sample) {
			m.ITL = Latency{0.020, 400}
			s.TargetPermille, s.ResidentPermille, m.VisualKept, s.CalmSeconds = 500, 500, 4000, 300
			s.BrokenPermille, s.BrokenRate, s.BrokenSeconds = 520, 2000, 900
		}, Raise, [2]int32{550, 750}, ReasonHeadroom, "goes from 50%"},
		{"a raise whose latency is predicted to break is left out", func(_ *Target, s *State, m *Sample) {
			m.ITL = Latency{0.0284, 400}
			s.TargetPermille, s.ResidentPermille, m.VisualKept, s.CalmSeconds = 500, 500, 4000, 300
		}, Hold, [2]int32{500, 500}, ReasonInBand, "p95 inter-token latency is 28 ms"},
		{"three of five changes taken back end the raises", func(_ *Target, s *State, m *Sample) {
			m.ITL = Latency{0.010, 400}
			s.TargetPermille, s.ResidentPermille, m.VisualKept, s.CalmSeconds = 500, 500, 4000, 300
			s.Reverted = Reverts{}.changed().takenBack().changed().changed().takenBack().changed().takenBack()
		}, Hold, [2]int32{500, 500}, ReasonReverted, "nothing is raised for another 30 min"},
	} {
		t.Run(c.name, func(t *testing.T) {
			target, state, sample := slow()
			if c.edit != nil {
				c.edit(&target, &state, &sample)
			}
			_, d := Next(target, state, sample)
			if d.Action != c.action || d.TargetPermille < c.to[0] || d.TargetPermille > c.to[1] || d.Reason != c.reason || !strings.Contains(d.Message, c.says) {
				t.Errorf("got %s %d %s, want %s %v %s: %s", d.Action, d.TargetPermille, d.Reason, c.action, c.to, c.reason, d.Message)
			}
		})
	}
}

func TestTheUsualPeakMovesNothing(t *testing.T) {
	target, s, m := busy()
	s.TargetPermille, s.ResidentPermille, m.VisualKept = 450, 450, 3600
	s.TextShare, s.Rate = 0.18, 633
	s.Usual = Usual{Mean: 0.9, Variance: 0.09, Seconds: 600, Rate: 633}
	m.Hottest = Load{Usage: 0.88, Peak: 0.88, Running: 20}
	if _, d := Next(target, s, m); d.Reason != ReasonUsual || d.Action != Hold {
		t.Errorf("got %s: %s", d.Reason, d.Message)
	}
	m.Hottest.Blocked, m.Hottest.Waiting = true, 3
	if _, d := Next(target, s, m); d.Reason != ReasonKVPressure || d.Action != Lower {
		t.Errorf("with requests that wait for room: got %s: %s", d.Reason, d.Message)
	}
	m.Hottest.Blocked, m.Hottest.Waiting, m.VisualSeen = false, 0, 80000
	if _, d := Next(target, s, m); d.Reason != ReasonKVPressure {
		t.Errorf("under a rate that is another: got %s: %s", d.Reason, d.Message)
	}
}

func TestAMomentThatTheLoadNeverReachedIsNotUsual(t *testing.T) {
	target, s, m := busy()
	s.TargetPermille, s.ResidentPermille, m.VisualKept = 450, 450, 3600
	s.TextShare, s.Rate = 0.18, 633
	s.Usual = Usual{Mean: 0.5, Variance: 0.0004, Seconds: 900, Rate: 633} // for a quarter of an hour it hardly moved
	m.Hottest = Load{Usage: 0.88, Peak: 0.88, Running: 20}
	if _, d := Next(target, s, m); d.Reason != ReasonKVPressure || d.Action != Lower {
		t.Errorf("got %s: %s", d.Reason, d.Message)
	}
}

func TestUsualWorkedExample(t *testing.T) {
	u := Usual{Mean: 0.9, Variance: 0.09}
	k := model{known: true, text: 0.1}
	if got := k.largestWithin(0.85, u.high()); got != 573 {
		t.Errorf("got %d of F = %.3f", got, u.high())
	}
}

func TestReplicas(t *testing.T) {
	target, s, m := busy()
	m.Expected, m.Scraped = 2, 2
	target.FloorPermille, s.TargetPermille, s.ResidentPermille, m.VisualKept = 1000, 1000, 1000, 8000
	m.Hottest = Load{Usage: 0.9, Peak: 1, Running: 9, Waiting: 3, Blocked: true} // 1.2 of a pool
	var d Decision
	for range 9 {
		s, d = Next(target, s, m)
	}
	if d.Reason != ReasonAtFloor || d.Replicas.Recommended != 3 || !strings.Contains(d.Replicas.Message, "3 instead of 2, pressure for 135 s") {
		t.Errorf("after two minutes at the floor: %+v", d.Replicas)
	}
	m.Hottest = Load{Usage: 0.3, Peak: 0.3, Running: 9}
	for range 30 {
		s, d = Next(target, s, m)
	}
	if d.Replicas.Recommended != 2 {
		t.Errorf("some minutes after the pressure: %+v", d.Replicas)
	}
	for range 40 {
		s, d = Next(target, s, m)
	}
	if d.Replicas.Recommended != 1 || !strings.Contains(d.Replicas.Message, "they would run at 100% too") {
		t.Errorf("after ten minutes at the maximum with 0.3 of the pools: %+v", d.Replicas)
	}
}
