package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/kv"
	"aircache.dev/aircache/runtime/sampling"
)

func TestWhatCanNeverFitIsRefusedAtOnce(t *testing.T) {
	small := newWorld(t, pages(30)) // 10 pages = 160 rows a layer
	for _, c := range []struct {
		name        string
		world       *world
		request     Request
		param, unit string
		limit, got  int64
	}{
		{"a prompt that fills the context", newWorld(t), textPrompt(2048, 1).max(1), "messages", "tokens of context", 2047, 2048},
		{"an answer over the context", newWorld(t), textPrompt(2000, 1).max(49), "max_tokens", "tokens of context with the prompt", 2048, 2049},
		{"a prompt over the cache", small, textPrompt(161, 1).max(1), "messages", "bytes of KV cache", 30 * pageBytes, 33 * pageBytes},
		{"a picture that does not fit whole", small, picturePrompt(2, 1, 1).max(1), "messages", "bytes of KV cache", 30 * pageBytes, 33 * pageBytes},
		{"an answer over the cache", small, textPrompt(100, 1).max(62), "max_tokens", "bytes of KV cache with the prompt", 30 * pageBytes, 33 * pageBytes},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.world.Submit(context.Background(), c.request)
			var limit *LimitError
			if !errors.As(err, &limit) {
				t.Fatalf("got %v", err)
			}
			if limit.Param != c.param || limit.Unit != c.unit || limit.Limit != c.limit || limit.Got != c.got {
				t.Errorf("got %+v", *limit)
			}
		})
	}
	small.submit(textPrompt(100, 1).max(61)) // exactly 160 rows: the last token is never fed back
	small.finishAll()
}

func TestRequestsThatContradictThemselves(t *testing.T) {
	w := newWorld(t)
	for name, r := range map[string]Request{
		"no tokens":                      {},
		"a token outside the vocabulary": textPrompt(3, fakeVocab),
		"a negative token":               textPrompt(3, -1),
		"a picture token, no picture":    textPrompt(3, fakePicture),
		"a picture without its tokens":   {Tokens: []int32{1}, Images: picturePrompt(1, 1, 1).Images},
		"a negative answer":              textPrompt(3, 1).max(-1),
	} {
		var refusal *RequestError
		if _, err := w.Submit(context.Background(), r); !errors.As(err, &refusal) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	hot := textPrompt(3, 1)
	hot.Sampling.Temperature = 9
	var param *sampling.ParamError
	if _, err := w.Submit(context.Background(), hot); !errors.As(err, &param) || param.Param != "temperature" {
		t.Errorf("got %v", err)
	}
	if open := w.Snapshot().Open; open != 0 {
		t.Errorf("%d refused requests are open", open)
	}
}

func TestWithoutALimitTheAnswerFillsContextOrCache(t *testing.T) {
	w := newWorld(t, pages(30))
	h := w.submit(textPrompt(100, 1))
	w.finishAll()
	if a := w.read(h); a.finish != FinishLength || len(a.tokens) != 61 {
		t.Errorf("%d tokens, %s", len(a.tokens), a.finish)
	}
	w = newWorld(t, func(o *Options) { o.MaxModelLen = 110 })
	h = w.submit(textPrompt(100, 1))
	w.finishAll()
	if a := w.read(h); a.finish != FinishLength || len(a.tokens) != 10 {
		t.Errorf("%d tokens, %s", len(a.tokens), a.finish)
	}
}

// 163 rows are 11 pages a layer, 33 in all, of 30. At 100 permille 24 of 160 visual rows stay over 3 layers, hence 10 pages:
// at most (2*(3+15) + 24+2)/16 = 3 while the prompt passes with its 11.
func TestAPromptThatFitsOnlyWhenCompressedIsServed(t *testing.T) {
	w := newWorld(t, pages(30), uniform, retention(100))
	request := picturePrompt(2, 1, 1).max(4)
	before, after := w.submit(request), w.submit(request)
	w.turn()
	if _, err := w.SetTuning(control.Tuning{Revision: 1, TargetPermille: 1000}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Submit(context.Background(), request); err == nil {
		t.Error("at 1000 permille the prompt cannot fit")
	}
	w.finishAll()
	a, b := w.read(before), w.read(after)
	if a.usage.RetentionPermille != 100 || a.finish != FinishLength {
		t.Errorf("%s at %d permille", a.finish, a.usage.RetentionPermille)
	}
	// The retention rose while it waited: it keeps the one that it was accepted under.
	if b.usage.RetentionPermille != 100 || !slices.Equal(a.tokens, b.tokens) {
		t.Errorf("%s at %d permille: %v, want %v", b.finish, b.usage.RetentionPermille, b.tokens, a.tokens)
	}
	w.expectEmpty()
}

func TestWithoutALimitACompressedPromptLeavesMoreRoom(t *testing.T) {
	tokens := func(permille int32) int {
		return len(run(t, picturePrompt(1, 8, 5), pages(30), uniform, retention(permille)).tokens)
	}
	// Whole: 160 - 90 rows, and the token that is never fed. At 100 permille, 24 rows over the layers: (3*(10+a+15) + 24)/16 < 31,
	// so a = 132 rows follow.
	if whole, tenth := tokens(1000), tokens(100); whole != 71 || tenth != 133 {
		t.Errorf("%d tokens follow a whole prompt and %d a compressed one, want 71 and 133", whole, tenth)
	}
}

func TestAFullQueueSaysSo(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.MaxQueue = 2 })
	w.submit(textPrompt(3, 1).max(1))
	w.submit(textPrompt(3, 1).max(1))
	if _, err := w.Submit(context.Background(), textPrompt(3, 1)); !errors.Is(err, ErrQueueFull) {
		t.Errorf("got %v", err)
	}
	w.turn()
	w.submit(textPrompt(3, 1).max(1))
	w.finishAll()
}

// A short request behind a long one that waits for memory must not overtake it.
func TestTheQueueIsFirstInFirstOut(t *testing.T) {
	var order []int32
	w := newWorld(t, pages(30))
	w.model.beforePrefill = func(tokens []int32) error {
		order = append(order, tokens[0])
		return nil
	}
	w.submit(textPrompt(100, 10).max(40))
	w.submit(textPrompt(120, 11).max(20))
	w.submit(textPrompt(2, 12).max(2))
	w.turns(3)
	if l := w.Snapshot().Load; !slices.Equal(order, []int32{10}) || l.Waiting != 2 || !l.BlockedOnMemory || l.DemandRatio != 1 {
		t.Fatalf("prefilled %v, %+v", order, l)
	}
	w.finishAll()
	if !slices.Equal(order, []int32{10, 11, 12}) {
		t.Errorf("prefilled %v", order)
	}
}

func TestOnlyMaxRunningSequencesDecode(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.MaxRunning = 2 })
	for range 5 {
		w.submit(textPrompt(3, 1).max(6))
	}
	w.finishAll()
	if got := slices.Max(w.model.batches); got != 2 {
		t.Errorf("%d sequences in a step", got)
	}
	if l := w.Snapshot().Load; l.BlockedOnMemory {
		t.Errorf("nobody waits for memory: %+v", l)
	}
}

// Running answers go on while prompts arrive: between two prefills there is a decode step.
func TestPrefillsAndStepsAlternate(t *testing.T) {
	w := newWorld(t)
	for range 4 {
		w.submit(textPrompt(20, 1).max(20))
	}
	w.turns(4)
	if !slices.Equal(w.model.batches, []int{1, 2, 3, 4}) {
		t.Errorf("decode steps had %v sequences", w.model.batches)
	}
	w.finishAll()
	w.expectEmpty()
}

func TestOptionsAreCheckedByName(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*Options)
		want string
	}{
		{"no policy", func(o *Options) { o.Policy = nil }, "policy"},
		{"no clock", func(o *Options) { o.Clock = nil }, "clock"},
		{"a pool that holds nothing", pages(2), "the shortest prompt needs 3"},
		{"more context than the model has", func(o *Options) { o.MaxModelLen = 2049 }, "2048"},
		{"no queue", func(o *Options) { o.MaxQueue = 0 }, "maxQueue"},
		{"nothing may run", func(o *Options) { o.MaxRunning = 0 }, "maxRunning"},
		{"more shadows than requests", func(o *Options) { o.ShadowPermille = 1001 }, "shadowPermille"},
		{"a start under the floor", retention(49), "this pod allows 50 to 1000"},
	} {
		clock := &fakeTime{}
		opts := defaults(clock)
		c.edit(&opts)
		if _, err := New(newFake(clock), opts); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestThePoolFillsItsBytes(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.KVBytes = 41*pageBytes - 1 })
	if got := w.Shape(); got != (kv.Shape{Pages: 40, PageTokens: 16, Layers: fakeLayers, PageBytes: pageBytes}) {
		t.Errorf("%+v", got)
	}
}

func TestALimitErrorSaysWhatIsTooMuch(t *testing.T) {
	err := &LimitError{Param: "max_tokens", Limit: 2048, Got: 2049, Unit: "tokens of context with the prompt"}
	if got, want := err.Error(), "max_tokens needs 2049 tokens of context with the prompt, at most 2048 fit"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
