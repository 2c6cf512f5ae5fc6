package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"aircache.dev/aircache/runtime/engine"
)

// mostRunning is how many requests decode at once.
const mostRunning = 64

// served is what clients saw of one request.
type served struct {
	first   time.Duration   // from its arrival to its first token
	between []time.Duration // its tokens
	end     time.Duration   // since the first arrival
	tokens  int
	err     error
}

// serve lets requests of a mix arrive at random, whether earlier ones have ended or not, at each retention the same ones.
func (b *Bench) serve(ctx context.Context) error {
	for _, permille := range b.Options.Permilles {
		requests := b.mixed(b.chance(10), b.Options.Arrivals, 1, 2, 5, 10)
		at := arrivals(b.chance(11), len(requests), b.Options.Rate)
		var all []served
		err := b.serving(ctx, permille, mostRunning, func(e *engine.Engine) (err error) {
			if _, err = finished(ctx, e, requests[0]); err != nil { // loads what the first request loads
				return err
			}
			all = b.clients(ctx, e, requests, at)
			return nil
		})
		for _, s := range all {
			err = errors.Join(err, s.err)
		}
		if err != nil {
			return fmt.Errorf("at %d permille: %w", permille, err)
		}
		b.noteServed(permille, all)
	}
	return nil
}

// clients sends every request at its time and follows its answer.
func (b *Bench) clients(ctx context.Context, e *engine.Engine, requests []engine.Request, at []time.Duration) []served {
	all := make([]served, len(requests))
	start := b.Options.Clock()
	var open sync.WaitGroup
	for i := range requests {
		open.Go(func() {
			if all[i].err = b.Options.Wait(ctx, at[i]); all[i].err == nil {
				all[i] = b.follow(ctx, e, requests[i], start, at[i])
			}
		})
	}
	open.Wait()
	return all
}

func (b *Bench) follow(ctx context.Context, e *engine.Engine, r engine.Request, start time.Time, at time.Duration) (s served) {
	h, err := e.Submit(ctx, r)
	if err != nil {
		return served{err: err}
	}
	last := start.Add(at)
	for event := range h.Events() {
		now := b.Options.Clock()
		switch {
		case event.Err != nil || event.Finish == engine.FinishAbort:
			s.err = errors.Join(fmt.Errorf("%s ended with %s", h.ID(), event.Finish), event.Err)
		case event.Finish != "":
			s.end = now.Sub(start)
		case s.tokens == 0:
			s.first, s.tokens, last = now.Sub(last), 1, now
		default:
			s.between, s.tokens, last = append(s.between, now.Sub(last)), s.tokens+1, now
		}
	}
	return s
}

func (b *Bench) noteServed(permille int, all []served) {
	var first, between []float64
	tokens, end := 0, time.Duration(0)
	for _, s := range all {
		if s.tokens > 0 {
			first = append(first, milliseconds*s.first.Seconds())
		}
		for _, gap := range s.between {
			between = append(between, milliseconds*gap.Seconds())
		}
		tokens, end = tokens+s.tokens, max(end, s.end)
	}
	slices.Sort(first)
	slices.Sort(between)
	c := Case{What: "serve", Permille: permille}
	note := fmt.Sprintf("%d requests, %g a second", len(all), b.Options.Rate)
	for _, m := range []struct {
		metric, unit string
		value        float64
	}{
		{"time to first token, median", "ms", quantile(first, 0.5)}, {"time to first token, 99 %", "ms", quantile(first, 0.99)},
		{"between tokens, median", "ms", quantile(between, 0.5)}, {"between tokens, 99 %", "ms", quantile(between, 0.99)},
		{"tokens", "a second", float64(tokens) / end.Seconds()}, {"requests", "a second", float64(len(all)) / end.Seconds()},
	} {
		c.Metric = m.metric
		b.add(Figure{Case: c, Unit: m.unit, Value: m.value, Repeats: len(all), Note: note})
	}
}

// memory runs many requests of a mix through one engine and compares what the device has given out after the first tenth, when
// all that grows to its size has grown, with what it has at the end.
func (b *Bench) memory(ctx context.Context) error {
	requests := b.mixed(b.chance(12), b.Options.Requests, 1, 2, 3)
	warm := max(1, len(requests)/10)
	return b.serving(ctx, b.lowest(), mostRunning, func(e *engine.Engine) error {
		if err := runAll(ctx, e, requests[:warm]); err != nil {
			return err
		}
		before, err := b.Options.MemoryUsed()
		if err != nil {
			return err
		}
		if err := runAll(ctx, e, requests[warm:]); err != nil {
			return err
		}
		after, err := b.Options.MemoryUsed()
		if err != nil {
			return err
		}
		b.add(Figure{Case: Case{What: "memory", Metric: "growth", Permille: b.lowest()}, Unit: "MiB", Value: float64(after-before) / (1 << 20),
			Repeats: len(requests), Note: fmt.Sprintf("%.1f MiB in use after %d requests, %.1f after %d", float64(before)/(1<<20), warm, float64(after)/(1<<20), len(requests))})
		return nil
	})
}

// runAll submits requests at once and waits for all.
func runAll(ctx context.Context, e *engine.Engine, requests []engine.Request) error {
	failed := make([]error, len(requests))
	places := make(chan struct{}, 2*mostRunning) // of requests that wait or run
	var open sync.WaitGroup
	for i, r := range requests {
		places <- struct{}{}
		open.Go(func() {
			_, failed[i] = finished(ctx, e, r)
			<-places
		})
	}
	open.Wait()
	return errors.Join(failed...)
}
