package openloop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Run is one rate of arrivals.
type Run struct {
	Target    *Target
	Questions []Question // request i asks question i modulo their number
	Rate      float64    // arrivals a second
	Requests  int
	Seed      uint64
	MaxTokens int
	MostOpen  int           // requests under way at once; one more is counted as failed, for it would wait here
	Timeout   time.Duration // for one answer
	Wait      func(ctx context.Context, d time.Duration) error
	Done      func(ended int) // after each answer; may be nil
}

// errTooManyOpen is a limit of this side, and says so: its time would be the client's, not the server's.
var errTooManyOpen = errors.New("not sent: too many requests are under way; raise the bound, or lower the rate")

// Do sends all requests at their times and waits for all answers. It fails only where a request cannot be made at all; ctx ends it
// early, and what was not sent then is left out.
func (r *Run) Do(ctx context.Context) ([]Answer, error) {
	bodies := make([][]byte, len(r.Questions))
	for i, q := range r.Questions {
		var err error
		if bodies[i], err = r.Target.body(q, r.MaxTokens); err != nil {
			return nil, err
		}
	}
	at := Arrivals(r.Seed, r.Requests, r.Rate)
	answers := make([]Answer, 0, r.Requests)
	open := make(chan struct{}, r.MostOpen)
	var mu sync.Mutex
	var under sync.WaitGroup
	end := func(a Answer) {
		mu.Lock()
		defer mu.Unlock()
		answers = append(answers, a)
		if r.Done != nil {
			r.Done(len(answers))
		}
	}
	start := r.Target.Now()
	for i, due := range at {
		if r.Wait(ctx, due-r.Target.Now().Sub(start)) != nil {
			break
		}
		select {
		case open <- struct{}{}:
		default:
			end(Answer{Err: errTooManyOpen})
			continue
		}
		under.Go(func() {
			defer func() { <-open }()
			end(r.one(ctx, bodies[i%len(bodies)], start.Add(due)))
		})
	}
	under.Wait()
	return answers, ctx.Err()
}

func (r *Run) one(ctx context.Context, body []byte, arrived time.Time) Answer {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	a := r.Target.ask(ctx, body, arrived)
	if errors.Is(a.Err, context.DeadlineExceeded) {
		a.Err = fmt.Errorf("no whole answer within %v", r.Timeout)
	}
	return a
}
