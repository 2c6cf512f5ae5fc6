package load

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestEveryUserAsksAgainUntilTheLoadEnds(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	clock := time.Unix(0, 0)
	g := &Generator{Users: 1, Now: func() time.Time { clock = clock.Add(10 * time.Millisecond); return clock }}
	g.Ask = func(ctx context.Context, n int) (bool, error) {
		if ctx.Err() != nil {
			t.Errorf("question %d was cut off by the end of the load", n)
		}
		switch n {
		case 9:
			end()
			return true, nil
		case 4:
			return false, errors.New("503")
		default:
			return n%2 == 0, nil
		}
	}
	g.Run(ctx)

	s := g.Take()
	if s.Answers != 9 || s.Right != 5 || s.Errors != 1 || s.LastError == nil {
		t.Errorf("got %+v, want 9 answers, 5 of them right, and 1 error", s)
	}
	if s.P50 != 10*time.Millisecond || s.P95 != 10*time.Millisecond {
		t.Errorf("got p50 %v and p95 %v, want 10ms for both", s.P50, s.P95)
	}
	if again := g.Take(); again.Answers != 0 || g.InFlight() != 0 {
		t.Errorf("a second summary repeats answers: %+v, %d in flight", again, g.InFlight())
	}
}

func TestQuantilesAreNearestRank(t *testing.T) {
	var took []time.Duration
	for i := range 100 {
		took = append(took, time.Duration(i+1))
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 51, 0.95: 96, 1: 100} {
		if got := quantile(took, q); got != want {
			t.Errorf("quantile %v of 1..100 is %d, want %d", q, got, want)
		}
	}
}
