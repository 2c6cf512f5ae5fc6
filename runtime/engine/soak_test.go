package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/model"
)

// soakRequests is a fixed set, so that the right answer of each at each retention is computed once.
func soakRequests() []Request {
	r := rand.New(rand.NewPCG(11, 12))
	requests := make([]Request, 24)
	for i := range requests {
		q := picturePrompt(r.IntN(3), 1+r.IntN(40), int32(4+i))
		q.Sampling.Temperature = float64(r.IntN(2))
		q.Sampling.FrequencyPenalty = float64(i%5/4) / 2
		seed := int64(i)
		q.Sampling.Seed = &seed
		requests[i] = q.max(1 + r.IntN(25))
	}
	return requests
}

// Thousands of requests from many callers, of which some leave early, some read slowly and some fail, while the retention
// changes: every answer that is complete is the one that its request gets alone, and nothing is left behind.
func TestSoak(t *testing.T) {
	t.Run("one step at a time", func(t *testing.T) { soak(t) })
	t.Run("steps ahead, prompts in small chunks", func(t *testing.T) { soak(t, ahead, chunk(7)) })
	t.Run("prompts cached, blocks in host memory, requests swapped", func(t *testing.T) {
		soak(t, ahead, chunk(50), func(o *Options) {
			o.PrefixCache = PrefixCache{On: true, VisionBytes: 64, OffloadBytes: 60 * pageBytes}
			o.Swap = Swap{PromisedAnswer: 3, HostBytes: 1 << 20}
		})
	})
}

func soak(t *testing.T, edits ...func(*Options)) {
	const callers, each = 16, 200
	const poison = int32(3 + 24) // the last request's first token
	permilles := []int32{1000, 500, 100, 50}
	requests := soakRequests()
	right := map[string][]int32{}
	name := func(i int, permille int32) string { return fmt.Sprint(i, "@", permille) }
	for i, r := range requests {
		for _, permille := range permilles {
			right[name(i, permille)] = alone(t, r, permille)
		}
	}

	w := newWorld(t, append(edits, pages(150), func(o *Options) { o.MaxQueue, o.ShadowPermille = 10, 300 })...)
	w.model.logits = spread
	w.model.beforePrefill = func(tokens []int32) error {
		if slices.Contains(tokens, poison) {
			panic("poisoned prompt")
		}
		return nil
	}
	w.model.beforeDecode = func(batch []model.Row) error {
		if len(w.model.batches)%97 == 96 && len(batch) > 1 {
			w.model.batches = append(w.model.batches, 0)
			return errors.New("a step fails now and then")
		}
		return nil
	}
	takes := 0
	w.model.beforeTake = func() error {
		if takes++; takes%101 == 0 {
			return errHiccup
		}
		return nil
	}
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() { w.Run(ctx); close(stopped) }()

	var group sync.WaitGroup
	var mu sync.Mutex
	var revision atomic.Int64
	complete := map[int]int{} // by permille
	for c := range callers {
		group.Go(func() {
			r := rand.New(rand.NewPCG(uint64(c), 13))
			for n := range each {
				if n%20 == 0 {
					wish := revision.Add(1)
					_, _ = w.SetTuning(control.Tuning{Revision: wish, TargetPermille: permilles[wish%4]}) // one that comes late is refused
				}
				i := r.IntN(len(requests))
				a, submitted := soakOne(t, w, r, requests[i].of(string(rune('a'+c%3))))
				if !submitted || a.finish == FinishAbort || errors.Is(a.err, errHiccup) || errors.Is(a.err, ErrQueueFull) {
					continue
				}
				if failed := slices.Contains(requests[i].Tokens, poison); failed != (a.finish == FinishError) {
					t.Errorf("request %d ended with %s: %v", i, a.finish, a.err)
				} else if want := right[name(i, int32(a.usage.RetentionPermille))]; !failed && !slices.Equal(a.tokens, want) {
					t.Errorf("request %d at %d permille: %v, alone %v", i, a.usage.RetentionPermille, a.tokens, want)
				}
				mu.Lock()
				complete[a.usage.RetentionPermille]++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if err := w.Drain(context.Background()); err != nil {
		t.Fatal(err)
	}
	stop()
	<-stopped
	w.expectEmpty()
	for _, permille := range permilles {
		if complete[int(permille)] < 20 {
			t.Errorf("only %d answers were complete at %d permille: %v", complete[int(permille)], permille, complete)
		}
	}
	if got := w.Snapshot().Panics; got == 0 {
		t.Error("no panic was contained")
	}
}

// errHiccup ends a request where it hits the end of its prompt, or its step repeated alone.
var errHiccup = errors.New("a step fails on the device now and then")

// alone answers a request in an engine of its own, by a model that ends its answers itself now and then.
func alone(t *testing.T, r Request, permille int32) []int32 {
	w := newWorld(t, retention(permille))
	w.model.logits = spread
	h := w.submit(r)
	w.finishAll()
	return w.read(h).tokens
}

// soakOne submits a request and reads its answer; one caller in eight leaves after a few tokens.
func soakOne(t *testing.T, w *world, r *rand.Rand, request Request) (answer, bool) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	h, err := w.Submit(ctx, request)
	if errors.Is(err, ErrQueueFull) {
		return answer{}, false
	}
	if err != nil {
		t.Errorf("submitting: %v", err)
		return answer{}, false
	}
	if r.IntN(8) == 0 {
		for range r.IntN(4) {
			if event := <-h.Events(); event.Finish != "" {
				return answer{}, false
			}
		}
		cancel()
		for range h.Events() { // its end must come
		}
		return answer{}, false
	}
	return collect(t, h), true
}
