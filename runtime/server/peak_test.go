package server

import (
	"testing"
	"time"
)

func TestPeak(t *testing.T) {
	now := time.Unix(1000, 0)
	p := &peak{now: func() time.Time { return now }}
	if got := p.highest(); got != 0 {
		t.Errorf("before any report: %v", got)
	}
	for _, step := range []struct {
		after  time.Duration
		report float64
		want   float64
		why    string
	}{
		{0, .2, .2, "the first value"},
		{time.Second, .9, .9, "a burst"},
		{time.Second, .1, .9, "the burst is remembered"},
		{14 * time.Second, .3, .9, "it ended 14 s ago"},
		{2 * time.Second, .2, .3, "the burst is forgotten, the next highest holds"},
		{time.Hour, .1, .2, "what held until now is remembered"},
		{16 * time.Second, .1, .1, "and forgotten in its turn"},
	} {
		now = now.Add(step.after)
		p.report(step.report)
		if got := p.highest(); got != step.want {
			t.Errorf("%s: got %v, want %v", step.why, got, step.want)
		}
	}
	now = now.Add(time.Hour)
	if got := p.highest(); got != .1 {
		t.Errorf("the last value still holds while nothing changes: got %v", got)
	}
}
