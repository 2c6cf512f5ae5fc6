package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"aircache.dev/aircache/runtime/engine"
)

// mostRunning is how many requests decode at once.
const mostRunning = 64

// served is how one request ended.
type served struct {
	end    time.Duration // since the first arrival
	tokens int
	err    error
}

// meter notes the times that the engine itself tells: a client's own clock would wait for a free core of the host.
type meter struct {
	engine.Discard
	on             atomic.Bool
	first, between []float64 // seconds, written by the engine's goroutine alone
}

// Token is told each token's time: since the request's submission, or since the token before.
func (m *meter) Token(first bool, gap float64) {
	switch {
	case !m.on.Load():
	case first:
		m.first = append(m.first, gap)
	default:
		m.between = append(m.between, gap)
	}
}

// serve lets requests of a mix arrive at random, whether earlier ones have ended or not, at each retention the same ones.
func (b *Bench) serve(ctx context.Context) error {
	for _, permille := range b.Options.Permilles {
		requests := b.mixed(b.chance(10), b.Options.Arrivals, 1, 2, 5, 10)
		at := arrivals(b.chance(11), len(requests), b.Options.Rate)
		times := &meter{}
		var all []served
		err := b.serving(ctx, permille, mostRunning, times, func(e *engine.Engine) (err error) {
			if _, err = finished(ctx, e, requests[0]); err != nil { // loads what the first request loads
				return err
			}
			times.on.Store(true)
			all = b.clients(ctx, e, requests, at)
			return nil
		})
		for _, s := range all {
			err = errors.Join(err, s.err)
		}
		if err != nil {
			return fmt.Errorf("at %d permille: %w", permille, err)
		}
		b.noteServed(permille, all, times)
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
				all[i] = b.follow(ctx, e, requests[i], start)
			}
		})
	}
	open.Wait()
	return all
}

func (b *Bench) follow(ctx context.Context, e *engine.Engine, r engine.Request, start time.Time) (s served) {
	usage, err := finished(ctx, e, r)
	return served{end: b.Options.Clock().Sub(start), tokens: usage.CompletionTokens, err: err}
}

func (b *Bench) noteServed(permille int, all []served, times *meter) {
	tokens, end := 0, time.Duration(0)
	for _, s := range all {
		tokens, end = tokens+s.tokens, max(end, s.end)
	}
	slices.Sort(times.first)
	slices.Sort(times.between)
	c := Case{What: "serve", Permille: permille}
	note := fmt.Sprintf("%d requests, %g a second", len(all), b.Options.Rate)
	for _, m := range []struct {
		metric, unit string
		value        float64
	}{
		{"time to first token, median", "ms", milliseconds * quantile(times.first, 0.5)}, {"time to first token, 99 %", "ms", milliseconds * quantile(times.first, 0.99)},
		{"between tokens, median", "ms", milliseconds * quantile(times.between, 0.5)}, {"between tokens, 99 %", "ms", milliseconds * quantile(times.between, 0.99)},
		{"tokens", "a second", float64(tokens) / end.Seconds()}, {"requests", "a second", float64(len(all)) / end.Seconds()},
	} {
		c.Metric = m.metric
		b.add(Figure{Case: c, Unit: m.unit, Value: m.value, Repeats: len(all), Note: note})
	}
}

// memory runs many requests of a mix through one engine and compares what the device has given out after the first tenth, when
// all that grows to its size has grown, with what it has at the end. Where ctx ends before, the tenths that were done count.
func (b *Bench) memory(ctx context.Context) error {
	requests := b.mixed(b.chance(12), b.Options.Requests, 1, 2, 3)
	return b.serving(ctx, b.lowest(), mostRunning, engine.Discard{}, func(e *engine.Engine) error {
		var used []int64 // after each tenth
		done, part := 0, (len(requests)+9)/10
		for done < len(requests) {
			to := min(done+part, len(requests))
			err := runAll(ctx, e, requests[done:to])
			if err != nil && ctx.Err() != nil && len(used) > 1 {
				b.noteMemory(used, part, done)
			}
			if err != nil {
				return err
			}
			now, err := b.Options.MemoryUsed()
			if err != nil {
				return err
			}
			used, done = append(used, now), to
		}
		b.noteMemory(used, part, done)
		return nil
	})
}

func (b *Bench) noteMemory(used []int64, first, done int) {
	before, after := float64(used[0])/(1<<20), float64(used[len(used)-1])/(1<<20)
	b.add(Figure{Case: Case{What: "memory", Metric: "growth", Permille: b.lowest()}, Unit: "MiB", Value: after - before,
		Repeats: done, Note: fmt.Sprintf("%.1f MiB in use after %d requests, %.1f after %d", before, first, after, done)})
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
	if err := ctx.Err(); err != nil {
		return err // not once for each of the requests that it cut short
	}
	return errors.Join(failed...)
}
