package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/model"
	"aircache.dev/aircache/runtime/sampling"
)

func TestAnswersEndByTokenOrByLength(t *testing.T) {
	always := func(token int32) func(uint64, []float32) {
		return func(_ uint64, row []float32) { row[token] = 1 }
	}
	for _, c := range []struct {
		name   string
		logits func(uint64, []float32)
		want   FinishReason
		sent   int
	}{
		{"the model's own end token", always(fakeEOS), FinishStop, 0},
		{"a stop id of the request", always(7), FinishStop, 0},
		{"max tokens", always(8), FinishLength, 4},
	} {
		w := newWorld(t)
		w.model.logits = c.logits
		r := textPrompt(5, 1).max(4)
		r.StopIDs = []int32{7}
		h := w.submit(r)
		w.finishAll()
		if a := w.read(h); a.finish != c.want || len(a.tokens) != c.sent || a.usage.CompletionTokens != max(1, c.sent) {
			t.Errorf("%s: %+v", c.name, a)
		}
		w.expectEmpty()
	}
}

func TestACallerThatLeavesFreesItsPagesBeforeTheNextStep(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	w := newWorld(t, pages(30))
	running := w.submitIn(ctx, textPrompt(100, 1).max(40))
	waiting := w.submitIn(ctx, textPrompt(100, 1).max(40))
	other := w.submit(textPrompt(100, 2).max(5))
	w.turns(3)
	cancel()
	w.turn()
	if a := w.read(running); a.finish != FinishAbort || len(a.tokens) != 4 {
		t.Errorf("the running request: %s after %d tokens", a.finish, len(a.tokens))
	}
	if a := w.read(waiting); a.finish != FinishAbort || len(a.tokens) != 0 {
		t.Errorf("the waiting request: %s after %d tokens", a.finish, len(a.tokens))
	}
	if l := w.Snapshot().Load; l.Running != 1 || l.Waiting != 0 {
		t.Errorf("the next one should run: %+v", l)
	}
	w.finishAll()
	if a := w.read(other); a.finish != FinishLength {
		t.Errorf("the other request: %+v", a)
	}
	w.expectEmpty()
	if _, err := w.Submit(ctx, textPrompt(5, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that is gone already: %v", err)
	}
}

func TestStopEndsAnAnswerThatWasReadFarEnough(t *testing.T) {
	w := newWorld(t)
	h := w.submit(textPrompt(5, 1).max(40))
	w.turns(2)
	h.Stop()
	w.turn()
	if a := w.read(h); a.finish != FinishStop || a.usage.CompletionTokens != 3 {
		t.Errorf("%+v", a)
	}
	w.expectEmpty()
}

func TestNobodyNeedsToReadForTheOthersToGoOn(t *testing.T) {
	w := newWorld(t)
	deaf := w.submit(textPrompt(5, 1).max(500))
	other := w.submit(textPrompt(5, 2).max(500))
	w.finishAll()
	for _, h := range []*Handle{deaf, other} {
		if a := w.read(h); len(a.tokens) != 500 {
			t.Errorf("%d tokens", len(a.tokens))
		}
	}
}

// In each case request 13 fails, and its neighbours answer as they do alone.
func TestAFailureStaysInItsRequest(t *testing.T) {
	broken := errors.New("kernel failed")
	bad := picturePrompt(1, 8, 13).max(20).named("bad")
	isBad := func(tokens []int32) bool { return slices.Contains(tokens, 13) }
	inBatch := func(batch []model.Row) bool {
		return slices.ContainsFunc(batch, func(r model.Row) bool { return r.KV.Position == 92 })
	}
	for _, c := range []struct {
		name   string
		inject func(*fakeModel)
		want   string
		sent   int
		panics int64
	}{
		{"an error in its prefill", func(m *fakeModel) {
			m.beforePrefill = func(tokens []int32) error {
				if isBad(tokens) {
					return broken
				}
				return nil
			}
		}, "kernel failed", 0, 0},
		{"a panic in its prefill", func(m *fakeModel) {
			m.beforePrefill = func(tokens []int32) error {
				if isBad(tokens) {
					panic("index out of range")
				}
				return nil
			}
		}, "panic while prefilling: index out of range", 0, 1},
		{"a panic in the middle of its compaction", func(m *fakeModel) {
			bad := false
			m.beforePrefill = func(tokens []int32) error { bad = isBad(tokens); return nil }
			m.beforeKeep = func(layer int) error {
				if bad && layer == 1 {
					panic("copy")
				}
				return nil
			}
		}, "panic while prefilling: copy", 0, 1},
		{"an error in its decode step", func(m *fakeModel) {
			m.beforeDecode = func(batch []model.Row) error {
				if inBatch(batch) {
					return broken
				}
				return nil
			}
		}, "kernel failed", 3, 0},
		{"a panic in its decode step", func(m *fakeModel) {
			m.beforeDecode = func(batch []model.Row) error {
				if inBatch(batch) {
					panic("decode")
				}
				return nil
			}
		}, "panic while decoding: decode", 3, 2},
		{"logits that are NaN", func(m *fakeModel) {
			m.beforeDecode = func(batch []model.Row) error {
				m.logits = endless
				if inBatch(batch) && len(batch) == 1 {
					m.logits = func(_ uint64, row []float32) { row[3] = float32(math.NaN()) }
				} else if inBatch(batch) {
					return broken
				}
				return nil
			}
		}, "choosing token 4: no softmax can use", 3, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, retention(200))
			c.inject(w.model)
			good := []Request{picturePrompt(1, 20, 5).max(12), textPrompt(30, 6).max(12), picturePrompt(2, 30, 7).max(12)}
			handles := []*Handle{w.submit(good[0]), w.submit(bad), w.submit(good[1]), w.submit(good[2])}
			w.finishAll()
			failure := w.read(handles[1])
			if failure.finish != FinishError || failure.err == nil || !strings.Contains(failure.err.Error(), c.want) || len(failure.tokens) != c.sent {
				t.Errorf("the bad request ended with %s (%v) after %d tokens", failure.finish, failure.err, len(failure.tokens))
			}
			for i, h := range slices.Delete(handles, 1, 2) {
				if got, want := w.read(h), run(t, good[i], retention(200)); got.finish != FinishLength || !slices.Equal(got.tokens, want.tokens) {
					t.Errorf("good request %d: %s %v, want %v", i, got.finish, got.tokens, want.tokens)
				}
			}
			if got := w.Snapshot().Panics; got != c.panics {
				t.Errorf("%d panics were counted, want %d", got, c.panics)
			}
			w.expectEmpty()
		})
	}
}

func TestAModelThatLosesARowOfLogitsEndsTheRequests(t *testing.T) {
	w := newWorld(t)
	w.Engine.model = shortModel{w.model}
	h := w.submit(textPrompt(5, 1).max(9))
	w.finishAll()
	if a := w.read(h); a.finish != FinishError || !strings.Contains(fmt.Sprint(a.err), "chose 0 tokens for 1 sequences") {
		t.Errorf("%+v", a)
	}
	w.expectEmpty()
}

type shortModel struct{ *fakeModel }

func (shortModel) Take(model.Step) ([]sampling.Choice, error) { return nil, nil }

func TestDrainWaitsForWhatWasTaken(t *testing.T) {
	w := newWorld(t)
	ctx, stop := context.WithCancel(context.Background())
	var handles []*Handle
	for range 5 {
		handles = append(handles, w.submit(textPrompt(5, 1).max(30)))
	}
	finished := make(chan struct{})
	go func() { w.Run(ctx); close(finished) }()
	if err := w.Drain(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, h := range handles {
		if a := w.read(h); a.finish != FinishLength {
			t.Errorf("a request was cut off: %+v", a)
		}
	}
	if _, err := w.Submit(context.Background(), textPrompt(5, 1)); !errors.Is(err, ErrDraining) {
		t.Errorf("after the drain: %v", err)
	}
	if err := w.Drain(context.Background()); err != nil {
		t.Errorf("a second drain: %v", err)
	}
	stop()
	<-finished
}

func TestADrainThatTakesTooLongSaysHowManyAreLeftAndRunAbortsThem(t *testing.T) {
	w := newWorld(t)
	running, waiting := w.submit(textPrompt(5, 1).max(30)), w.submit(textPrompt(5, 1).max(30))
	w.turn()
	late, cancel := context.WithCancel(context.Background())
	cancel()
	if err := w.Drain(late); err == nil || !strings.Contains(err.Error(), "2 requests have not ended") {
		t.Errorf("got %v", err)
	}
	w.Run(late)
	for _, h := range []*Handle{running, waiting} {
		if a := w.read(h); a.finish != FinishAbort {
			t.Errorf("%+v", a)
		}
	}
	w.expectEmpty()
}

func TestRunSleepsUntilItIsNeeded(t *testing.T) {
	w := newWorld(t)
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	finished := make(chan struct{})
	go func() { w.Run(ctx); close(finished) }()
	for range 50 { // each request finds the engine asleep
		if a := collect(t, w.submit(textPrompt(5, 1).max(2))); a.finish != FinishLength {
			t.Fatalf("%+v", a)
		}
	}
	stop()
	<-finished
	if ctx.Err() != context.Canceled {
		t.Error("the engine was not woken")
	}
}

func TestALostDeviceEndsAllAndRun(t *testing.T) {
	for name, inject := range map[string]func(*fakeModel, error){
		"at a launch":  func(m *fakeModel, lost error) { m.beforeDecode = func([]model.Row) error { return lost } },
		"at a take":    func(m *fakeModel, lost error) { m.beforeTake = func() error { return lost } },
		"at a prefill": func(m *fakeModel, lost error) { m.beforePrefill = func([]int32) error { return lost } },
	} {
		for _, edits := range [][]func(*Options){{}, {ahead}} {
			w := newWorld(t, edits...)
			inject(w.model, fmt.Errorf("%w: an illegal address", backend.ErrDeviceLost))
			var handles []*Handle
			for range 3 {
				handles = append(handles, w.submit(textPrompt(5, 1).max(9)))
			}
			if err := w.Run(context.Background()); !errors.Is(err, backend.ErrDeviceLost) {
				t.Errorf("%s: Run returns %v", name, err)
			}
			for _, h := range handles {
				if a := w.read(h); a.finish != FinishError || !errors.Is(a.err, backend.ErrDeviceLost) {
					t.Errorf("%s: %+v", name, a)
				}
			}
			if _, err := w.Submit(context.Background(), textPrompt(5, 1)); !errors.Is(err, ErrDraining) {
				t.Errorf("%s: a request afterwards: %v", name, err)
			}
			w.expectEmpty()
		}
	}
}
