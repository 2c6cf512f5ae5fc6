package engine

import (
	"context"
	"testing"
)

// deadline is a context whose time is up when a test says so.
type deadline struct {
	context.Context
	over chan struct{}
}

func (d deadline) Done() <-chan struct{} { return d.over }

func (d deadline) Err() error {
	select {
	case <-d.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// A request whose time is up, or whose client is gone, gives its pages back before the next step, wherever it is: waiting, half prefilled,
// running, or swapped out.
func TestPagesOfWhoeverLeavesAreFreeAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		turns int // until it leaves
		edits []func(*Options)
	}{
		"waiting":        {0, nil},
		"half prefilled": {1, []func(*Options){chunk(5)}},
		"running":        {6, nil},
		"steps ahead":    {6, []func(*Options){ahead}},
		"prompts cached": {6, []func(*Options){cached}},
		"swapped":        {110, []func(*Options){pages(40), promising(2, &swaps{})}},
	} {
		w := newWorld(t, c.edits...)
		ctx := deadline{context.Background(), make(chan struct{})}
		other, gone := w.submit(textPrompt(20, 5).max(150)), w.submitIn(ctx, textPrompt(20, 6).max(150))
		w.turns(c.turns)
		if swapped := len(w.swapped) > 0; swapped != (name == "swapped") {
			t.Fatalf("%s: %d are swapped out", name, len(w.swapped))
		}
		close(ctx.over)
		w.turn()
		for _, j := range append(w.running, w.swapped...) {
			if j.handle == gone {
				t.Errorf("%s: it is still there", name)
			}
		}
		if l := w.Snapshot(); l.Open != 1 {
			t.Errorf("%s: %d requests are open", name, l.Open)
		}
		if a := w.read(gone); a.finish != FinishAbort {
			t.Errorf("%s: %+v", name, a)
		}
		w.finishAll()
		w.read(other)
		w.expectEmpty()
	}
}
