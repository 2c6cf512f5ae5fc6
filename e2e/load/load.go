// Package load is a small closed-loop load generator: a number of users, each of
// whom asks, waits for the answer, and asks again.
package load

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Ask sends one question and reports whether the answer was right. The number n
// counts all questions, so that the caller can vary them.
type Ask func(ctx context.Context, n int) (right bool, err error)

// Generator keeps Users questions in flight until its context ends.
type Generator struct {
	Users int
	Ask   Ask
	Now   func() time.Time

	asked    atomic.Int64
	inFlight atomic.Int64

	mu      sync.Mutex
	results []result
}

type result struct {
	took  time.Duration
	right bool
	err   error
}

// Summary is what happened since the last summary.
type Summary struct {
	Answers, Right, Errors int
	P50, P95               time.Duration
	LastError              error
}

// Run returns when ctx has ended and every user has got the last answer.
// Questions keep their own deadline: the end of the load cuts none of them off.
func (g *Generator) Run(ctx context.Context) {
	var users sync.WaitGroup
	for range g.Users {
		users.Go(func() {
			for ctx.Err() == nil {
				g.one(context.WithoutCancel(ctx))
			}
		})
	}
	users.Wait()
}

func (g *Generator) one(ctx context.Context) {
	g.inFlight.Add(1)
	start := g.Now()
	right, err := g.Ask(ctx, int(g.asked.Add(1)-1))
	g.inFlight.Add(-1)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.results = append(g.results, result{took: g.Now().Sub(start), right: right, err: err})
}

// InFlight is how many questions wait for an answer now.
func (g *Generator) InFlight() int { return int(g.inFlight.Load()) }

// Take summarises the answers since the last call.
func (g *Generator) Take() Summary {
	g.mu.Lock()
	results := g.results
	g.results = nil
	g.mu.Unlock()

	var s Summary
	var took []time.Duration
	for _, r := range results {
		if r.err != nil {
			s.Errors++
			s.LastError = r.err
			continue
		}
		s.Answers++
		if r.right {
			s.Right++
		}
		took = append(took, r.took)
	}
	slices.Sort(took)
	s.P50, s.P95 = quantile(took, 0.50), quantile(took, 0.95)
	return s
}

// quantile is the nearest-rank quantile of sorted values; zero when there are none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
