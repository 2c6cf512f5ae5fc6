package engine

import (
	"errors"
	"slices"
	"testing"

	"aircache.dev/aircache/runtime/model"
)

// witness notes the agreements.
type witness struct {
	Discard
	seen []Agreement
}

func (w *witness) Agreed(a Agreement) { w.seen = append(w.seen, a) }

func shadows(permille int32, w *witness) func(*Options) {
	return func(o *Options) { o.ShadowPermille, o.Recorder = permille, w }
}

func TestAShadowChangesNoAnswerAndLeavesNothing(t *testing.T) {
	for _, length := range []int{1, 2, 9, 40} {
		w := &witness{}
		request := picturePrompt(1, 8, 5).max(length)
		with, without := run(t, request, retention(100), shadows(1000, w)), run(t, request, retention(100))
		if !slices.Equal(with.tokens, without.tokens) || with.usage.KVBytesKept != without.usage.KVBytesKept || len(with.tokens) != length {
			t.Errorf("%d tokens: %v %+v, without a shadow %v %+v", length, with.tokens, with.usage, without.tokens, without.usage)
		}
		steps := min(shadowSteps, length-1)
		if steps == 0 {
			if len(w.seen) != 0 {
				t.Errorf("an answer of one token was compared: %+v", w.seen)
			}
		} else if len(w.seen) != 1 || w.seen[0].Steps != steps || w.seen[0].RetentionPermille != 100 || w.seen[0].Agreed >= steps || w.seen[0].KL <= 0 {
			t.Errorf("%d tokens: the fake model reads all rows, so little should agree: %+v", length, w.seen)
		}
	}
}

func TestOnlyCompressedRequestsGetShadows(t *testing.T) {
	w := &witness{}
	run(t, picturePrompt(1, 8, 5).max(9), shadows(1000, w))
	run(t, textPrompt(50, 5).max(9), retention(100), shadows(1000, w))
	run(t, picturePrompt(1, 8, 5).max(9), retention(100), shadows(0, w))
	if len(w.seen) != 0 {
		t.Errorf("compared %+v", w.seen)
	}
}

func TestTheShareOfShadowsIsDrawn(t *testing.T) {
	w := &witness{}
	e := newWorld(t, retention(100), shadows(250, w))
	for range 400 {
		e.submit(picturePrompt(1, 8, 5).max(2))
		e.finishAll()
	}
	if n := len(w.seen); n < 70 || n > 130 {
		t.Errorf("%d of 400 requests got a shadow at 250 permille", n)
	}
	e.expectEmpty()
}

// 40 pages: a request at 100 permille needs 11 at most, its shadow 3 layers of 7. Two more requests take what is left, and
// the third makes the shadow go.
func TestAShadowGivesWay(t *testing.T) {
	w := &witness{}
	e := newWorld(t, retention(100), uniform, pages(40), shadows(1000, w))
	for range 4 {
		e.submit(picturePrompt(1, 8, 5).max(30))
	}
	e.turn()
	if l := e.Snapshot().Load; e.shadow == nil || l.PagesUsed != 6 || l.PagesReserved != 9 || e.pool.Used() != 6+e.shadow.sequence.Pages() {
		t.Fatalf("a shadow is no load: %+v, shadow %+v", l, e.shadow)
	}
	for len(w.seen) == 0 {
		e.turn()
	}
	if first := w.seen[0]; first.Steps == 0 || first.Steps >= shadowSteps || len(e.running) != 2 {
		t.Errorf("%d run, the shadow saw %+v", len(e.running), first)
	}
	e.finishAll()
	e.expectEmpty()
}

func TestAFailedStepEndsTheShadowNotTheAnswer(t *testing.T) {
	w := &witness{}
	e := newWorld(t, retention(100), shadows(1000, w))
	steps := 0
	e.model.beforeDecode = func(batch []model.Row) error {
		if steps++; steps == 5 && len(batch) == 2 {
			return errors.New("device hiccup")
		}
		return nil
	}
	request := picturePrompt(1, 8, 5).max(20)
	h := e.submit(request)
	e.finishAll()
	if a := e.read(h); !slices.Equal(a.tokens, run(t, request, retention(100)).tokens) {
		t.Errorf("%v", a.tokens)
	}
	if len(w.seen) != 1 || w.seen[0].Steps != 4 {
		t.Errorf("the shadow saw %+v", w.seen)
	}
	e.expectEmpty()
}

func TestAFailedCopyForAShadowEndsItsRequest(t *testing.T) {
	e := newWorld(t, retention(100), shadows(1000, &witness{}))
	e.model.beforeKeep = func(layer int) error {
		if layer == 1 {
			return errors.New("device lost")
		}
		return nil
	}
	h := e.submit(picturePrompt(1, 8, 5).max(20))
	e.finishAll()
	if a := e.read(h); a.finish != FinishError {
		t.Errorf("%+v", a)
	}
	e.expectEmpty()
}
