package tuner

import (
	"math"
	"strings"
	"testing"
)

// busy is a pool of one pod in trouble: 0.92 of its pages used, a fifth of the tokens text.
func busy() (Target, State, Sample) {
	t := Target{Mode: Auto, FloorPermille: 100, MaxPermille: 1000, MaxStepPermille: 100, IntervalSeconds: 15, StabilizationSeconds: 120}
	s := Seed(Applied{Epoch: 1, Revision: 4, TargetPermille: 1000}, 0)
	s.Settled, s.SettledSeconds, s.SinceChangeSeconds = true, 300, 300
	m := Sample{
		Expected: 1, Scraped: 1, ElapsedSeconds: 15, WindowSeconds: 15,
		Hottest: Load{Usage: 0.92, Peak: 0.92, Running: 20}, Running: 20,
		Finished: 20, TextTokens: 1500, GeneratedTokens: 500, VisualSeen: 8000, VisualKept: 8000,
	}
	return t, s, m
}

func TestNext(t *testing.T) {
	for _, c := range []struct {
		name   string
		edit   func(*Target, *State, *Sample)
		action Action
		to     int32
		reason Reason
	}{
		{"pressure lowers by at most one step", func(*Target, *State, *Sample) {}, Lower, 900, ReasonKVPressure},
		{"a step that is large enough reaches the value of the worked example", func(t *Target, _ *State, _ *Sample) { t.MaxStepPermille = 500 }, Lower, 794, ReasonKVPressure},
		{"admission wait is pressure where a prompt has no room", func(_ *Target, _ *State, m *Sample) {
			m.Hottest = Load{Usage: 0.82, Peak: 0.82, Running: 4, Waiting: 2}
		}, Lower, 900, ReasonKVPressure},
		{"a queue before an empty pool is no pressure", func(_ *Target, _ *State, m *Sample) {
			m.Hottest, m.Waiting = Load{Usage: 0.2, Peak: 0.2, Running: 20, Waiting: 50}, 50
		}, Hold, 1000, ReasonQueueing},
		{"the floor stops a cut", func(t *Target, _ *State, _ *Sample) { t.FloorPermille = 920 }, Lower, 920, ReasonKVPressure},
		{"at the floor there is nothing left to cut", func(t *Target, _ *State, _ *Sample) { t.FloorPermille = 1000 }, Hold, 1000, ReasonAtFloor},
		{"before a prompt was seen nothing is cut below the declared start", func(_ *Target, _ *State, m *Sample) { m.TextTokens, m.GeneratedTokens, m.VisualSeen = 0, 0, 0 }, Hold, 1000, ReasonLowConfidence},
		{"down to the declared start it is", func(t *Target, _ *State, m *Sample) {
			t.StartPermille, m.TextTokens, m.GeneratedTokens, m.VisualSeen = 960, 0, 0, 0
		}, Lower, 960, ReasonKVPressure},
		{"a pool full of text is left alone", func(_ *Target, _ *State, m *Sample) { m.TextTokens = 400000 }, Hold, 1000, ReasonCompressionCannotHelp},
		{"a cut that suffices is given time", func(_ *Target, s *State, m *Sample) {
			s.TargetPermille, s.ResidentPermille, s.SinceChangeSeconds, m.Finished = 700, 1000, 10, 0
			s.TextShare = 0.2
		}, Hold, 700, ReasonSettling},
		{"a cut that did not suffice in its time is deepened", func(_ *Target, s *State, m *Sample) {
			s.TargetPermille, s.ResidentPermille, s.SinceChangeSeconds, m.Finished = 700, 1000, 200, 0
			s.TextShare = 0.2
		}, Lower, 650, ReasonKVPressure},

		{"no ready pod", func(_ *Target, _ *State, m *Sample) { m.Expected, m.Scraped = 0, 0 }, Hold, 1000, ReasonNoReadyPods},
		{"no metrics", func(_ *Target, _ *State, m *Sample) { m.Scraped = 0 }, Hold, 1000, ReasonMetricsMissing},
		{"old metrics", func(_ *Target, _ *State, m *Sample) { m.AgeSeconds = 31 }, Hold, 1000, ReasonMetricsStale},
		{"two of three pods are too few", func(_ *Target, _ *State, m *Sample) { m.Expected, m.Scraped = 3, 2 }, Hold, 1000, ReasonPartialScrape},
		{"19 of 20 pods are enough", func(_ *Target, _ *State, m *Sample) { m.Expected, m.Scraped = 20, 19 }, Lower, 900, ReasonKVPressure},
		{"a number that is none", func(_ *Target, _ *State, m *Sample) { m.Hottest.Usage = math.NaN() }, Hold, 1000, ReasonMetricsInvalid},
		{"one scrape gives no rates", func(_ *Target, _ *State, m *Sample) { m.WindowSeconds = 0 }, Hold, 1000, ReasonWarmingUp},

		{"fixed follows the declared value", func(t *Target, _ *State, _ *Sample) { t.Mode, t.StartPermille = Fixed, 300 }, Lower, 300, ReasonFixed},
		{"fixed needs no metrics", func(t *Target, _ *State, m *Sample) { t.Mode, t.StartPermille, m.Scraped = Fixed, 300, 0 }, Lower, 300, ReasonFixed},
		{"recommending changes nothing", func(t *Target, _ *State, _ *Sample) { t.Mode = Recommend }, Hold, 1000, ReasonRecommending},
		{"recommending says when it cannot see", func(t *Target, _ *State, m *Sample) { t.Mode, m.Scraped = Recommend, 0 }, Hold, 1000, ReasonMetricsMissing},
		{"a lowered maximum is followed without metrics", func(t *Target, _ *State, m *Sample) { t.MaxPermille, m.Scraped = 800, 0 }, Lower, 800, ReasonBoundsChanged},
		{"a raised floor is followed while recommending", func(t *Target, s *State, _ *Sample) {
			t.Mode, t.FloorPermille, s.TargetPermille = Recommend, 500, 300
		}, Raise, 500, ReasonBoundsChanged},

		{"recall under its objective raises at once", func(t *Target, s *State, m *Sample) {
			t.MinRecallPermille, s.TargetPermille = 850, 200
			m.Recall = []RecallPoint{{RetentionPermille: 200, Mean: Mean{0.80, 20}}, {RetentionPermille: 350, Mean: Mean{0.90, 20}}}
		}, Raise, 275, ReasonQualityFloor},
		{"recall at its objective stops a cut", func(t *Target, s *State, m *Sample) {
			t.MinRecallPermille, t.MaxStepPermille, s.TargetPermille = 850, 500, 300
			m.Recall = []RecallPoint{{RetentionPermille: 200, Mean: Mean{0.80, 20}}, {RetentionPermille: 350, Mean: Mean{0.90, 20}}}
			m.VisualKept = 2400
		}, Lower, 275, ReasonKVPressure},
		{"a curve of three requests is not believed", func(t *Target, s *State, m *Sample) {
			t.MinRecallPermille, t.MaxStepPermille = 850, 800
			m.Recall = []RecallPoint{{RetentionPermille: 500, Mean: Mean{0.1, 3}}}
		}, Lower, 794, ReasonKVPressure},

		{"headroom for the stabilisation time raises half a step", func(_ *Target, s *State, m *Sample) {
			m.Hottest, s.TargetPermille, s.CalmSeconds = Load{Usage: 0.3, Peak: 0.3, Running: 20}, 500, 110
			m.VisualKept = 4000
		}, Raise, 550, ReasonHeadroom},
		{"headroom for less is not enough", func(_ *Target, s *State, m *Sample) {
			m.Hottest, s.TargetPermille, s.CalmSeconds = Load{Usage: 0.3, Peak: 0.3, Running: 20}, 500, 100
			m.VisualKept = 4000
		}, Hold, 500, ReasonStabilizing},
		{"a raise that would not fit is left out", func(_ *Target, s *State, m *Sample) {
			m.Hottest, s.TargetPermille, s.CalmSeconds = Load{Usage: 0.8, Peak: 0.8, Running: 20}, 500, 110
			m.VisualKept = 4000
		}, Hold, 500, ReasonInBand},
		{"a broken latency objective is no headroom", func(t *Target, s *State, m *Sample) {
			t.ITLP95Seconds, m.ITL = 0.040, Latency{0.055, 100}
			m.Hottest, s.TargetPermille, s.CalmSeconds = Load{Usage: 0.3, Peak: 0.3, Running: 20}, 500, 110
		}, Hold, 500, ReasonLatencyBreach},
		{"the maximum is where raises end", func(_ *Target, s *State, m *Sample) {
			m.Hottest, s.CalmSeconds = Load{Usage: 0.3, Peak: 0.3, Running: 20}, 110
		}, Hold, 1000, ReasonAtMax},
		{"the last small bit up to the maximum is taken", func(_ *Target, s *State, m *Sample) {
			m.Hottest, s.CalmSeconds, s.TargetPermille = Load{Usage: 0.1, Peak: 0.1, Running: 20}, 110, 995
		}, Raise, 1000, ReasonHeadroom},
	} {
		t.Run(c.name, func(t *testing.T) {
			target, state, sample := busy()
			c.edit(&target, &state, &sample)
			next, d := Next(target, state, sample)
			if d.Action != c.action || d.TargetPermille != c.to || d.Reason != c.reason {
				t.Fatalf("got %s %d %s, want %s %d %s (%s)", d.Action, d.TargetPermille, d.Reason, c.action, c.to, c.reason, d.Message)
			}
			wantRevision := int64(4)
			if c.action != Hold {
				wantRevision++
			}
			if next.TargetPermille != c.to || next.Revision != wantRevision || next.Epoch != 1 {
				t.Errorf("state has %+v, want target %d and revision 1/%d", next.Applied(), c.to, wantRevision)
			}
		})
	}
}

func TestNewPoolStartsAtItsDeclaredValue(t *testing.T) {
	target, _, sample := busy()
	target.StartPermille, sample.Scraped = 500, 0
	next, d := Next(target, State{}, sample)
	if next.Applied() != (Applied{Epoch: 1, Revision: 1, TargetPermille: 500}) || d.Action != Hold {
		t.Errorf("got %+v, %s", next.Applied(), d.Action)
	}
}

func TestTheOrderOfThePodsIsTakenOver(t *testing.T) {
	for _, c := range []struct {
		name      string
		pods      Applied
		want      Applied
		startedAt Applied
	}{
		{"a newer revision", Applied{Epoch: 1, Revision: 9, TargetPermille: 400}, Applied{Epoch: 1, Revision: 9, TargetPermille: 400}, Applied{Epoch: 1, Revision: 4, TargetPermille: 1000}},
		{"a newer epoch", Applied{Epoch: 2, Revision: 1, TargetPermille: 400}, Applied{Epoch: 2, Revision: 1, TargetPermille: 400}, Applied{Epoch: 1, Revision: 4, TargetPermille: 1000}},
		{"the same order with another value", Applied{Epoch: 1, Revision: 4, TargetPermille: 400}, Applied{Epoch: 1, Revision: 4, TargetPermille: 400}, Applied{Epoch: 1, Revision: 4, TargetPermille: 1000}},
		{"an older revision is not", Applied{Epoch: 1, Revision: 3, TargetPermille: 400}, Applied{Epoch: 1, Revision: 4, TargetPermille: 1000}, Applied{Epoch: 1, Revision: 4, TargetPermille: 1000}},
		{"an impossible order is not", Applied{Epoch: math.MaxInt64, Revision: 1, TargetPermille: 400}, Applied{Epoch: 1, Revision: 4, TargetPermille: 1000}, Applied{Epoch: 1, Revision: 4, TargetPermille: 1000}},
		{"an impossible value is not", Applied{Epoch: 1, Revision: 9, TargetPermille: 0}, Applied{Epoch: 1, Revision: 4, TargetPermille: 1000}, Applied{Epoch: 1, Revision: 4, TargetPermille: 1000}},
		{"a value outside the bounds is corrected with the next revision", Applied{Epoch: 1, Revision: 9, TargetPermille: 50}, Applied{Epoch: 1, Revision: 10, TargetPermille: 100}, Applied{Epoch: 1, Revision: 4, TargetPermille: 1000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			target, _, sample := busy()
			sample.WindowSeconds, sample.Applied = 0, c.pods
			next, _ := Next(target, Seed(c.startedAt, 0), sample)
			if next.Applied() != c.want {
				t.Errorf("got %+v, want %+v", next.Applied(), c.want)
			}
		})
	}
}

func TestMessagesCarryTheNumbers(t *testing.T) {
	target, state, sample := busy()
	_, d := Next(target, state, sample)
	want := "retention goes from 100% to 90%: KV demand is 92% of the pool (20 running, 0 waiting in the fullest pod), the objective is 85%"
	if d.Message != want {
		t.Errorf("got  %s\nwant %s", d.Message, want)
	}
	if d.WantPermille != 794 || d.LowerPermille != 100 || d.UpperPermille != 1000 || !strings.Contains(d.Objectives.Message, "92%") {
		t.Errorf("got %+v", d)
	}
}

func TestSmallestGood(t *testing.T) {
	point := func(r int32, v float64) RecallPoint { return RecallPoint{RetentionPermille: r, Mean: Mean{v, 10}} }
	for _, c := range []struct {
		name  string
		curve []RecallPoint
		min   float64
		want  int32
		ok    bool
	}{
		{"between two points the straight line decides", []RecallPoint{point(200, .8), point(350, .9)}, .85, 275, true},
		{"a point that holds exactly is enough", []RecallPoint{point(200, .85), point(350, .9)}, .85, 200, true},
		{"below the first point the line starts at nothing", []RecallPoint{point(100, .9)}, .45, 50, true},
		{"above the last point it ends at everything", []RecallPoint{point(500, .8)}, .9, 750, true},
		{"a curve that falls is taken at its word", []RecallPoint{point(100, .9), point(200, .7), point(500, .95)}, .92, 464, true},
		{"nothing measured says nothing", nil, .85, 0, false},
		{"too few requests say nothing", []RecallPoint{{RetentionPermille: 200, Mean: Mean{.5, 3}}}, .85, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := smallestGood(c.curve, c.min)
			if got != c.want || ok != c.ok {
				t.Errorf("got %d %v, want %d %v", got, ok, c.want, c.ok)
			}
		})
	}
}

func TestResidentRetentionFollowsTheTurnover(t *testing.T) {
	s := State{TargetPermille: 500, ResidentPermille: 1000}
	m := Sample{Running: 10, Finished: 4, VisualSeen: 100, VisualKept: 50}
	if got := residentPermille(s, m); got != 800 {
		t.Errorf("got %v, want 800 as in the worked example", got)
	}
	if got := residentPermille(s, Sample{}); got != 500 {
		t.Errorf("an empty pool has %v, want its target", got)
	}
}
