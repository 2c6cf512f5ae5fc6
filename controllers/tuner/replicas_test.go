package tuner

import "testing"

// pressed is a pool of so many ready pods, of those that it is to have, that has been at its floor under pressure for two minutes.
func pressed(ready, desired int) (Target, State, Sample) {
	t, s, m := busy()
	t.FloorPermille = 1000
	m.Expected, m.Scraped, m.Desired = ready, ready, desired
	s.PressedSeconds = 120
	return t, s, m
}

func TestReplicasThatAreRecommended(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*Target, *State, *Sample)
		want int32
	}{
		{"one more at least", func(*Target, *State, *Sample) {}, 3},
		{"as many as bring the demand to its aim: 2 * 1.6/0.8075", func(_ *Target, _ *State, m *Sample) {
			m.Hottest = Load{Usage: 0.8, Peak: 0.8, Blocked: true, Running: 10, Waiting: 10}
		}, 4},
		{"no more than the bounds allow", func(t *Target, _ *State, m *Sample) {
			t.MaxReplicas, m.Hottest = 3, Load{Usage: 0.8, Peak: 0.8, Blocked: true, Running: 10, Waiting: 10}
		}, 3},
		{"those on their way are waited for", func(_ *Target, _ *State, m *Sample) { m.Desired = 5 }, 5},
		{"what was asked for stands while the pressure lasts", func(_ *Target, s *State, _ *Sample) { s.Replicas = 7 }, 7},
		{"a pod that is lost is no reason to want fewer", func(_ *Target, s *State, m *Sample) {
			s.PressedSeconds, s.Replicas, m.Desired, m.Hottest = 0, 3, 3, Load{Usage: 0.5, Peak: 0.5, Running: 10}
		}, 3},
		{"pods that have not come when the pressure is gone are given up", func(_ *Target, s *State, m *Sample) {
			s.PressedSeconds, s.Replicas, s.AskedFrom, m.Desired, m.Hottest = 0, 5, 2, 5, Load{Usage: 0.5, Peak: 0.5, Running: 10}
		}, 2},
		{"but never below what there was before, though one is lost", func(_ *Target, s *State, m *Sample) {
			s.PressedSeconds, s.Replicas, s.AskedFrom, m.Desired, m.Hottest = 0, 5, 3, 5, Load{Usage: 0.5, Peak: 0.5, Running: 10}
		}, 3},
		{"somebody who scaled is followed", func(_ *Target, s *State, m *Sample) {
			s.PressedSeconds, s.Replicas, m.Desired, m.Expected, m.Scraped, m.Hottest = 0, 2, 6, 6, 6, Load{Usage: 0.5, Peak: 0.5, Running: 10}
		}, 6},
		{"one fewer after five stabilisation times in which it would do", func(_ *Target, s *State, m *Sample) {
			s.PressedSeconds, s.SpareSeconds, m.Hottest = 0, 595, Load{Usage: 0.1, Peak: 0.1, Running: 1}
		}, 1},
		{"not while one is missing", func(_ *Target, s *State, m *Sample) {
			s.PressedSeconds, s.SpareSeconds, m.Desired, m.Hottest = 0, 595, 3, Load{Usage: 0.1, Peak: 0.1, Running: 1}
		}, 3},
		{"never below the least", func(t *Target, s *State, m *Sample) {
			t.MinReplicas, s.PressedSeconds, s.SpareSeconds, m.Hottest = 2, 0, 595, Load{Usage: 0.1, Peak: 0.1, Running: 1}
		}, 2},
		{"a load that now and then asks for less than the lowest value is pressure that is seen early", func(t *Target, s *State, m *Sample) {
			t.FloorPermille, s.TargetPermille, s.ResidentPermille, s.PressedSeconds = 500, 500, 500, 110
			m.Hottest, m.VisualKept = Load{Usage: 0.7, Peak: 0.7, Running: 10}, m.VisualSeen/2
			s.Usual = Usual{Mean: 1.2, Variance: 0.16, Seconds: 900, Rate: 300}
			s.Rate = 600
		}, 3},
		{"but not where the value has room", func(t *Target, s *State, m *Sample) {
			t.FloorPermille, s.TargetPermille, s.ResidentPermille, s.PressedSeconds = 100, 500, 500, 110
			m.Hottest, m.VisualKept = Load{Usage: 0.7, Peak: 0.7, Running: 10}, m.VisualSeen/2
			s.Usual = Usual{Mean: 1.2, Variance: 0.16, Seconds: 900, Rate: 300}
			s.Rate = 600
		}, 2},
		{"a queue of prefills that is sure to stay is waited for no longer", func(t *Target, s *State, m *Sample) {
			t.FloorPermille, t.TTFTP95Seconds, s.PressedSeconds, s.WaitingBefore = 100, 4, 0, 10
			m.Hottest, m.Waiting = Load{Usage: 0.3, Peak: 0.3, Running: 10, Waiting: 20}, 40
			m.TTFT, m.PrefillSeconds, m.PodSeconds = Latency{9, 20}, 20, 30
			m.Steps = StepSums{Count: 300, Seconds: 8, KVTokens: 3e6, Batch: 3000}
			s.Steps = StepModel{}.learned(m.Steps, 15).learned(m.Steps, 15).learned(m.Steps, 15)
		}, 6},
		{"nothing without metrics", func(_ *Target, _ *State, m *Sample) { m.Scraped = 0 }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			target, s, m := pressed(2, 2)
			c.edit(&target, &s, &m)
			if _, d := Next(target, s, m); d.Replicas.Recommended != c.want {
				t.Errorf("%d, want %d: %s; %s", d.Replicas.Recommended, c.want, d.Replicas.Message, d.Message)
			}
		})
	}
}
