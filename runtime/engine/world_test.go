package engine

import (
	"context"
	"slices"
	"testing"

	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/image"
)

// world is an engine over a fake model whose turns a test takes one by one.
type world struct {
	*Engine
	t     *testing.T
	clock *fakeTime
	model *fakeModel
}

func defaults(clock *fakeTime) Options {
	return Options{
		Policy: compress.AirCache{Options: compress.Paper()}, RetentionPermille: 1000,
		Bounds:  control.Bounds{UID: "u", Pool: "p", FloorPermille: 50, CeilingPermille: 1000},
		KVBytes: 400 * pageBytes, MaxQueue: 100, MaxRunning: 64,
		Clock: clock.now, Seed: func() uint64 { return 1 },
	}
}

func newWorld(t *testing.T, edits ...func(*Options)) *world {
	t.Helper()
	clock := &fakeTime{}
	opts := defaults(clock)
	for _, edit := range edits {
		edit(&opts)
	}
	fake := newFake(clock)
	fake.logits = endless
	e, err := New(fake, opts)
	if err != nil {
		t.Fatal(err)
	}
	return &world{Engine: e, t: t, clock: clock, model: fake}
}

func retention(permille int32) func(*Options) {
	return func(o *Options) { o.RetentionPermille = permille }
}

func pages(n int64) func(*Options) { return func(o *Options) { o.KVBytes = n * pageBytes } }

// picturePrompt is some text, pictures, and a question of n tokens that starts with the given one.
func picturePrompt(pictures, n int, first int32) Request {
	tokens := append([]int32{1, 2}, slices.Repeat([]int32{fakePicture}, pictures*fakeVisual)...)
	tokens = append(tokens, first)
	return Request{Tokens: append(tokens, slices.Repeat([]int32{3}, n-1)...), Images: make([]image.Pixels, pictures)}
}

func textPrompt(n int, first int32) Request {
	return Request{Tokens: append([]int32{first}, slices.Repeat([]int32{3}, n-1)...)}
}

func (r Request) max(n int) Request       { r.MaxTokens = n; return r }
func (r Request) named(id string) Request { r.ID = id; return r }

func (w *world) submit(r Request) *Handle {
	w.t.Helper()
	return w.submitIn(context.Background(), r)
}

func (w *world) submitIn(ctx context.Context, r Request) *Handle {
	w.t.Helper()
	h, err := w.Submit(ctx, r)
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

// turns takes n turns of the device goroutine.
func (w *world) turns(n int) {
	for range n {
		w.turn()
	}
}

// finishAll takes turns until nothing is open.
func (w *world) finishAll() {
	w.t.Helper()
	for range 100_000 {
		if w.Snapshot().Open == 0 {
			return
		}
		w.turn()
	}
	w.t.Fatalf("requests never end: %+v", w.Snapshot())
}

// expectEmpty fails where a page or a promise is left.
func (w *world) expectEmpty() {
	w.t.Helper()
	w.turn()
	l := w.Snapshot().Load
	if l.PagesUsed != 0 || l.PagesReserved != 0 || l.Running != 0 || l.Waiting != 0 || l.RowsCached != 0 || l.PagesFree != w.shape.Pages {
		w.t.Errorf("the engine should be empty: %+v", l)
	}
}

// answer is everything that a request said.
type answer struct {
	tokens []int32
	finish FinishReason
	err    error
	first  *Usage
	usage  Usage
}

// read collects an answer that has ended.
func (w *world) read(h *Handle) answer {
	w.t.Helper()
	return collect(w.t, h)
}

func collect(t *testing.T, h *Handle) (a answer) {
	t.Helper()
	for event := range h.Events() {
		switch {
		case a.finish != "":
			t.Fatalf("an event after the end: %+v", event)
		case event.Finish != "":
			a.finish, a.err, a.usage = event.Finish, event.Err, *event.Usage
		default:
			if (event.Usage != nil) != (len(a.tokens) == 0) {
				t.Fatalf("token %d has usage %v", len(a.tokens), event.Usage)
			}
			if len(a.tokens) == 0 {
				a.first = event.Usage
			}
			a.tokens = append(a.tokens, event.Token)
		}
	}
	if a.finish == "" {
		t.Fatal("the events ended without an end")
	}
	return a
}
