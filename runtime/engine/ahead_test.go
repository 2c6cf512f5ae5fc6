package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/model"
)

func ahead(o *Options) { o.Ahead = true }

func chunk(tokens int) func(*Options) { return func(o *Options) { o.PrefillChunk = tokens } }

// requests differ in all that decides how tokens are chosen.
func variedRequests() []Request {
	seed := int64(5)
	all := []Request{picturePrompt(1, 8, 5).max(1), picturePrompt(1, 8, 6).max(2), textPrompt(9, 7).max(30), picturePrompt(2, 3, 8).max(17)}
	for i := range 4 {
		r := textPrompt(5+i, int32(9+i)).max(20)
		r.Sampling.Temperature, r.Sampling.Seed = 1, &seed
		r.Sampling.TopK, r.Sampling.TopP = 10*i, float64(i)/4
		r.Sampling.TopLogProbs = i
		all = append(all, r)
	}
	penalised := textPrompt(6, 20).max(20)
	penalised.Sampling.PresencePenalty, penalised.Sampling.Temperature, penalised.Sampling.Seed = 1.5, .5, &seed
	return append(all, penalised)
}

func TestStepsAheadAndSmallChunksChangeNoAnswer(t *testing.T) {
	answers := func(logits func(uint64, []float32), edits ...func(*Options)) (all []answer) {
		w := newWorld(t, append(edits, retention(200), pages(2000))...)
		w.model.logits = logits
		var handles []*Handle
		for _, r := range variedRequests() {
			handles = append(handles, w.submit(r))
		}
		w.finishAll()
		for _, h := range handles {
			all = append(all, w.read(h))
		}
		w.expectEmpty()
		return all
	}
	for name, logits := range map[string]func(uint64, []float32){"answers that end by themselves": spread, "endless answers": endless} {
		want := answers(logits)
		for _, edits := range [][]func(*Options){{ahead}, {chunk(1)}, {ahead, chunk(13)}} {
			for i, got := range answers(logits, edits...) {
				if !slices.Equal(got.tokens, want[i].tokens) || got.finish != want[i].finish || got.usage.KVTokensKept != want[i].usage.KVTokensKept ||
					got.usage.CompletionTokens != want[i].usage.CompletionTokens {
					t.Errorf("%s, request %d: %s %v, want %s %v", name, i, got.finish, got.tokens, want[i].finish, want[i].tokens)
				}
			}
		}
	}
}

// The prompt's end and two steps are launched before the first of them is read; the end is known from the length.
func TestAStepIsLaunchedBeforeTheOneBeforeItIsRead(t *testing.T) {
	calls := func(edits ...func(*Options)) string {
		w := newWorld(t, edits...)
		w.submit(textPrompt(5, 1).max(4))
		w.finishAll()
		return strings.Join(w.model.calls[3:], " ")
	}
	if got, want := calls(), "take launch take launch take launch take"; got != want {
		t.Errorf("one step at a time: %s", got)
	}
	if got, want := calls(ahead), "launch take launch take launch take take"; got != want {
		t.Errorf("ahead: %s, want %s", got, want)
	}
}

// An end token is known only when the next step is on its way: that one counts for nobody.
func TestTheStepAfterAnEndIsThrownAway(t *testing.T) {
	w := newWorld(t, ahead)
	step := 0
	w.model.logits = func(h uint64, row []float32) {
		endless(h, row)
		if step++; step == 3 {
			row[fakeEOS] = 1000
		}
	}
	h := w.submit(textPrompt(5, 1).max(9))
	w.finishAll()
	if a := w.read(h); a.finish != FinishStop || len(a.tokens) != 2 || a.usage.CompletionTokens != 3 || len(w.model.batches) != 3 {
		t.Errorf("%+v in %d steps", a, len(w.model.batches))
	}
	w.expectEmpty()
}

// A caller leaves while a step is in flight; its pages and its slot go to the next one at once.
func TestLeavingWithAStepInFlight(t *testing.T) {
	w := newWorld(t, ahead, pages(24), func(o *Options) { o.MaxRunning = 1 })
	ctx, leave := context.WithCancel(context.Background())
	gone, next := w.submitIn(ctx, textPrompt(60, 1).max(40)), w.submit(textPrompt(60, 2).max(40))
	w.turns(5)
	if len(w.flights) != 1 {
		t.Fatalf("%d steps are in flight", len(w.flights))
	}
	leave()
	w.finishAll()
	if a := w.read(gone); a.finish != FinishAbort {
		t.Errorf("%+v", a)
	}
	if a := w.read(next); !slices.Equal(a.tokens, run(t, textPrompt(60, 2).max(40)).tokens) {
		t.Errorf("%v", a.tokens)
	}
	w.expectEmpty()
}

// A step that fails on the device is found out when it is read. It and the one behind it are repeated, with the same draws.
func TestAStepThatFailsOnTheDeviceIsRepeated(t *testing.T) {
	for _, failing := range []int{2, 3, 7, 12} {
		for _, edits := range [][]func(*Options){{}, {ahead}, {ahead, chunk(2)}} {
			w := newWorld(t, append(edits, pages(2000))...)
			takes := 0
			w.model.beforeTake = func() error {
				if takes++; takes == failing && len(w.model.batches) > 0 {
					return errors.New("the device hiccuped")
				}
				return nil
			}
			var handles []*Handle
			requests := variedRequests()[2:]
			for _, r := range requests {
				handles = append(handles, w.submit(r))
			}
			w.finishAll()
			failures := 0
			for i, h := range handles {
				a := w.read(h)
				if a.finish == FinishError {
					failures++ // the end of a prompt cannot be repeated
				} else if want := run(t, requests[i]).tokens; !slices.Equal(a.tokens, want) {
					t.Errorf("take %d fails, request %d: %v, want %v", failing, i, a.tokens, want)
				}
			}
			if failures > 1 {
				t.Errorf("take %d fails: %d requests with it", failing, failures)
			}
			w.expectEmpty()
		}
	}
}

func TestFailuresStayInTheirRequestAlsoAhead(t *testing.T) {
	isBad := func(batch []model.Row) bool {
		return slices.ContainsFunc(batch, func(r model.Row) bool { return r.KV.Position == 92 })
	}
	for name, inject := range map[string]func(*fakeModel){
		"an error": func(m *fakeModel) {
			m.beforeDecode = func(batch []model.Row) error {
				if isBad(batch) {
					return errors.New("kernel failed")
				}
				return nil
			}
		},
		"a panic": func(m *fakeModel) {
			m.beforeDecode = func(batch []model.Row) error {
				if isBad(batch) {
					panic("kernel failed")
				}
				return nil
			}
		},
	} {
		w := newWorld(t, ahead, chunk(11), retention(200))
		inject(w.model)
		good := []Request{picturePrompt(1, 20, 5).max(12), textPrompt(30, 6).max(12), picturePrompt(2, 30, 7).max(12)}
		handles := []*Handle{w.submit(good[0]), w.submit(picturePrompt(1, 8, 13).max(20)), w.submit(good[1]), w.submit(good[2])}
		w.finishAll()
		if a := w.read(handles[1]); a.finish != FinishError || len(a.tokens) != 3 || !strings.Contains(fmt.Sprint(a.err), "kernel failed") {
			t.Errorf("%s: the bad request ended with %s (%v) after %d tokens", name, a.finish, a.err, len(a.tokens))
		}
		for i, h := range slices.Delete(handles, 1, 2) {
			if got, want := w.read(h), run(t, good[i], retention(200)); !slices.Equal(got.tokens, want.tokens) {
				t.Errorf("%s: good request %d: %s %v, want %v", name, i, got.finish, got.tokens, want.tokens)
			}
		}
		w.expectEmpty()
	}
}

func TestLogitsOfNoUseEndARequestAhead(t *testing.T) {
	w := newWorld(t, ahead)
	step := 0
	w.model.logits = func(h uint64, row []float32) {
		endless(h, row)
		if step++; step == 4 {
			row[3] = float32(math.NaN())
		}
	}
	h := w.submit(textPrompt(5, 1).max(9))
	w.finishAll()
	if a := w.read(h); a.finish != FinishError || len(a.tokens) != 3 || !errors.Is(a.err, errNoChoice) {
		t.Errorf("%+v", a)
	}
	w.expectEmpty()
}

func TestShadowsSeeTheSameAhead(t *testing.T) {
	for _, length := range []int{2, 9, 40} {
		request := picturePrompt(1, 8, 5).max(length)
		plain, far := &witness{}, &witness{}
		a, b := run(t, request, retention(100), shadows(1000, plain)), run(t, request, retention(100), shadows(1000, far), ahead, chunk(5))
		if !slices.Equal(a.tokens, b.tokens) || !slices.Equal(plain.seen, far.seen) || len(plain.seen) != 1 {
			t.Errorf("%d tokens: %v %+v, ahead %v %+v", length, a.tokens, plain.seen, b.tokens, far.seen)
		}
	}
}

// While a long prompt is prefilled, a running answer gets a token for every chunk.
func TestALongPromptDoesNotStallRunningAnswers(t *testing.T) {
	for _, edits := range [][]func(*Options){{chunk(100)}, {chunk(100), ahead}} {
		w := newWorld(t, edits...)
		w.submit(textPrompt(5, 1).max(200))
		w.turns(3)
		steps := len(w.model.batches)
		long := w.submit(textPrompt(1600, 2).max(2))
		w.model.units = nil
		turns := 0
		for ; w.filling != nil || turns == 0; turns++ {
			w.turn()
			if rows := sum(w.model.units); rows > 300+300 { // 100 tokens in 3 layers, and the rest of a layer's cut
				t.Fatalf("turn %d prefilled %v rows", turns, w.model.units)
			}
			w.model.units = nil
		}
		if turns != 16 || len(w.model.batches) != steps+turns {
			t.Errorf("%d decode steps in %d turns of a prefill, 16 wanted", len(w.model.batches)-steps, turns)
		}
		w.finishAll()
		if a := w.read(long); !slices.Equal(a.tokens, run(t, textPrompt(1600, 2).max(2)).tokens) {
			t.Errorf("the long prompt is answered %v", a.tokens)
		}
		w.expectEmpty()
	}
}

func sum(values []int) (total int) {
	for _, v := range values {
		total += v
	}
	return total
}

func TestADeviceBesideTheHostIsFedAhead(t *testing.T) {
	fake := newFake(&fakeTime{})
	fake.asynchronous = true
	e, err := New(fake, defaults(fake.clock))
	if err != nil || !e.ahead {
		t.Errorf("ahead %v, %v", e.ahead, err)
	}
}
