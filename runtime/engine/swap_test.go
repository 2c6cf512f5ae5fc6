package engine

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// swaps counts what a recorder hears of preemptions.
type swaps struct {
	Discard
	out, in        int
	bytesOut, back int64
}

func (s *swaps) Preempted(bytes int64) { s.out, s.bytesOut = s.out+1, s.bytesOut+bytes }
func (s *swaps) Resumed(bytes int64)   { s.in, s.back = s.in+1, s.back+bytes }

func promising(tokens int, s *swaps) func(*Options) {
	return func(o *Options) { o.Swap, o.Recorder = Swap{PromisedAnswer: tokens, HostBytes: 1 << 20}, s }
}

// Long answers whose first tokens alone were promised run out of pages together: the youngest go to the host and come back, and each
// says what it says alone, to the last row of its cache.
func TestPreemptedRequestsGoOnWhereTheyWere(t *testing.T) {
	for name, edits := range map[string][]func(*Options){
		"whole":          {retention(1000)},
		"compressed":     {retention(300)},
		"steps ahead":    {retention(300), ahead},
		"cached prompts": {retention(300), cached},
	} {
		s := &swaps{}
		w := newWorld(t, append(edits, promising(4, s), pages(90))...)
		var requests []Request
		for i := range 5 {
			r := picturePrompt(i%2, 10+i, int32(5+i)).showing(slices.Repeat([]int{i}, i%2)...).max(120)
			if i == 2 {
				r.Sampling.FrequencyPenalty = 1
			}
			requests = append(requests, r)
		}
		var handles []*Handle
		for _, r := range requests {
			handles = append(handles, w.submit(r))
		}
		most := 0
		for w.Snapshot().Open > 0 {
			w.turn()
			if most = max(most, len(w.running)); w.pool.Used() > w.shape.Pages || w.ledger.Reserved() > w.shape.Pages {
				t.Fatalf("%s: %d pages promised of %d", name, w.ledger.Reserved(), w.shape.Pages)
			}
		}
		for i, h := range handles {
			a := w.read(h)
			fresh := newWorld(t, append(edits[:1:1], pages(400))...)
			want := served(t, fresh, requests[i])[0]
			if !slices.Equal(a.tokens, want.tokens) || a.finish != FinishLength {
				t.Errorf("%s: request %d says %v (%s, %v), alone %v", name, i, a.tokens, a.finish, a.err, want.tokens)
			}
		}
		if s.out == 0 || s.out != s.in || s.bytesOut != s.back || most < 3 {
			t.Errorf("%s: %+v with up to %d at once", name, *s, most)
		}
		w.expectEmpty()
	}
}

// With whole answers promised fewer run at once, and none is preempted; nor is one that could find no room in host memory.
func TestNobodyIsPreemptedWhoseWholeAnswerIsPromised(t *testing.T) {
	for name, swap := range map[string]Swap{"no option": {}, "no host memory": {PromisedAnswer: 4, HostBytes: 100}, "an answer that is no longer": {PromisedAnswer: 120, HostBytes: 1 << 20}} {
		s := &swaps{}
		w := newWorld(t, pages(90), func(o *Options) { o.Swap, o.Recorder = swap, s })
		for range 5 {
			w.submit(textPrompt(10, 5).max(120))
		}
		w.turns(10)
		if len(w.running) != 3 {
			t.Errorf("%s: %d run, 3 of 27 pages fit", name, len(w.running))
		}
		w.finishAll()
		if s.out != 0 {
			t.Errorf("%s: %+v", name, *s)
		}
		w.expectEmpty()
	}
}

// preemptedWorld has one request in host memory.
func preemptedWorld(t *testing.T) (w *world, running, away *Handle, leave context.CancelFunc) {
	t.Helper()
	w = newWorld(t, pages(40), promising(4, &swaps{}))
	ctx, leave := context.WithCancel(context.Background())
	running, away = w.submit(textPrompt(20, 5).max(150)), w.submitIn(ctx, textPrompt(20, 6).max(150))
	for len(w.swapped) == 0 {
		w.turn()
	}
	return w, running, away, leave
}

// Whoever leaves while its cache is in host memory takes it along, and so does the engine's end.
func TestPreemptedRequestsCanLeave(t *testing.T) {
	w, running, away, leave := preemptedWorld(t)
	if l := w.Snapshot().Load; l.Preempted != 1 || l.Waiting != 1 {
		t.Errorf("%+v", l)
	}
	leave()
	w.finishAll()
	if a := w.read(away); a.finish != FinishAbort || len(a.tokens) == 0 {
		t.Errorf("%+v", a)
	}
	if a := w.read(running); a.finish != FinishLength {
		t.Errorf("%+v", a)
	}
	w.expectEmpty()

	w, running, away, leave = preemptedWorld(t)
	defer leave()
	w.endAll(ending{reason: FinishAbort})
	for _, h := range []*Handle{running, away} {
		if a := w.read(h); a.finish != FinishAbort {
			t.Errorf("%+v", a)
		}
	}
	w.expectEmpty()
}

// A request that waits is not admitted before one that was preempted.
func TestPreemptedRequestsComeBeforeThoseThatWait(t *testing.T) {
	w, running, away, leave := preemptedWorld(t)
	defer leave()
	small := w.submit(textPrompt(3, 7).max(2))
	w.turns(5)
	if len(w.swapped) != 1 || w.queue.size != 1 || !w.blocked {
		t.Errorf("%d preempted, %d waiting, blocked: %v", len(w.swapped), w.queue.size, w.blocked)
	}
	w.finishAll()
	for _, h := range []*Handle{running, away, small} {
		if a := w.read(h); a.finish != FinishLength {
			t.Errorf("%+v", a)
		}
	}
}

// Where the copy fails, out or back, that request ends and the others go on.
func TestAFailedSwapEndsItsRequestAlone(t *testing.T) {
	for _, failing := range []string{"read pages", "write pages"} {
		w := newWorld(t, pages(40), promising(4, &swaps{}))
		broken := errors.New("the bus is broken")
		w.model.beforeMove = func(call string) error {
			if call == failing {
				return broken
			}
			return nil
		}
		a, b := w.submit(textPrompt(20, 5).max(150)), w.submit(textPrompt(20, 6).max(150))
		w.finishAll()
		if first, second := w.read(a), w.read(b); first.finish != FinishLength || second.finish != FinishError || !errors.Is(second.err, broken) {
			t.Errorf("%s: %s, and %s with %v", failing, first.finish, second.finish, second.err)
		}
		w.expectEmpty()
	}
}
