package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
)

// load is the mix of requests. Request i is the same for the same seed, whoever asks it and when.
type load struct {
	seed  uint64
	world *world
}

// run asks requests from..to with so many users. The first answer that is not what it must be ends it.
func (l *load) run(ctx context.Context, from, to, users int, r *report) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	numbers := make(chan int)
	var mu sync.Mutex
	var all sync.WaitGroup
	for range users {
		all.Go(func() {
			for i := range numbers {
				name, outcome, err := l.one(ctx, i)
				if err != nil {
					end(fmt.Errorf("request %d (%s): %w", i, name, err))
					return
				}
				mu.Lock()
				r.Kinds[name]++
				r.Outcomes[outcome]++
				mu.Unlock()
			}
		})
	}
	for i := from; i < to && ctx.Err() == nil; i++ {
		select {
		case numbers <- i:
		case <-ctx.Done():
		}
	}
	close(numbers)
	all.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return ctx.Err()
}

func (l *load) one(ctx context.Context, i int) (name, outcome string, err error) {
	random := l.random(i)
	k := kinds[draw(random)]
	outcome, err = k.ask(ctx, l.world, random)
	return k.name, outcome, err
}

func (l *load) random(i int) *rand.Rand { return rand.New(rand.NewPCG(l.seed, uint64(i))) }

// draw picks a kind by its share.
func draw(r *rand.Rand) int {
	total := 0
	for _, k := range kinds {
		total += k.share
	}
	at := r.IntN(total)
	for i, k := range kinds {
		if at -= k.share; at < 0 {
			return i
		}
	}
	panic("unreachable: the shares add up to the total")
}
