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
// all that grows to its size has grown, with what it has at the end.
func (b *Bench) memory(ctx context.Context) error {
	requests := b.mixed(b.chance(12), b.Options.Requests, 1, 2, 3)
	warm := max(1, len(requests)/10)
	return b.serving(ctx, b.lowest(), mostRunning, engine.Discard{}, func(e *engine.Engine) error {
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
