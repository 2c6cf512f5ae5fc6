package engine

import (
	"reflect"
	"slices"
	"testing"

	"aircache.dev/aircache/runtime/image"
)

func cached(o *Options) { o.PrefixCache = PrefixCache{On: true} }

func withVision(o *Options) { o.PrefixCache = PrefixCache{On: true, VisionBytes: 16} } // four pictures of the fake's

// showing is the request with pictures that show something: one content each.
func (r Request) showing(content ...int) Request {
	r.Images = nil
	for _, c := range content {
		r.Images = append(r.Images, image.Pixels{C: 1, H: 1, W: 1, Data: []float32{float32(c)}})
	}
	return r
}

func (r Request) of(tenant string) Request { r.Tenant = tenant; return r }

// served answers requests one after the other on one engine.
func served(t *testing.T, w *world, requests ...Request) (answers []answer) {
	t.Helper()
	for _, r := range requests {
		h := w.submit(r)
		w.finishAll()
		answers = append(answers, w.read(h))
	}
	w.expectEmpty()
	return answers
}

// A second question about a picture does not see the vision tower, and only its own words are prefilled; its answer is the one that
// it gets on an engine that knows nothing.
func TestSecondQuestionAboutAPictureComputesItsWordsOnly(t *testing.T) {
	for _, permille := range []int32{1000, 300, 50} {
		first, second := picturePrompt(1, 20, 5).showing(7).max(8), picturePrompt(1, 30, 9).showing(7).max(8)
		w := newWorld(t, cached, retention(permille))
		served(t, w, first)
		w.model.units, w.model.calls = nil, nil
		got := served(t, w, second)[0]
		if want := []int{30, 30, 30}; !slices.Equal(w.model.units, want) || slices.Contains(w.model.calls, "encode") {
			t.Errorf("%d permille: units %v and calls %v, %v and no picture wanted", permille, w.model.units, w.model.calls, want)
		}
		if got.first.CachedTokens != 82 {
			t.Errorf("%d permille: %d tokens were cached, the text before the picture and the picture are 82", permille, got.first.CachedTokens)
		}
		fresh := served(t, newWorld(t, retention(permille)), second)[0]
		if !slices.Equal(got.tokens, fresh.tokens) || got.usage.Recall != fresh.usage.Recall || !reflect.DeepEqual(got.usage.RecallCurve, fresh.usage.RecallCurve) {
			t.Errorf("%d permille: %v with recall %v, alone %v with %v", permille, got.tokens, got.usage.Recall, fresh.tokens, fresh.usage.Recall)
		}
	}
}

// Nothing is shared between pictures, tenants, or texts that differ before the end of the picture.
func TestOtherPrefixesAreNotTaken(t *testing.T) {
	seed := picturePrompt(1, 20, 5).showing(7).of("a").max(4)
	otherText := seed
	otherText.Tokens = slices.Clone(seed.Tokens)
	otherText.Tokens[0] = 30
	for name, r := range map[string]Request{"another picture": seed.showing(8), "another tenant": seed.of("b"), "another text before": otherText} {
		w := newWorld(t, cached, retention(300))
		got := served(t, w, seed, r)[1]
		if got.first.CachedTokens != 0 {
			t.Errorf("%s: %d tokens were taken from the first prompt", name, got.first.CachedTokens)
		}
		if fresh := served(t, newWorld(t, retention(300)), r)[0]; !slices.Equal(got.tokens, fresh.tokens) {
			t.Errorf("%s: %v, alone %v", name, got.tokens, fresh.tokens)
		}
	}
}

// A conversation goes on: the second turn finds both pictures that the first one brought, and computes the rest again.
func TestNextTurnFindsThePicturesOfTheTurnsBefore(t *testing.T) {
	turn := picturePrompt(2, 10, 5).showing(7, 8).max(6)
	w := newWorld(t, cached, retention(300))
	said := served(t, w, turn)[0].tokens
	next := turn
	next.Tokens = slices.Concat(turn.Tokens, said, []int32{9, 3, 3})
	got := served(t, w, next)[0]
	if got.first.CachedTokens != 2+2*fakeVisual {
		t.Errorf("%d tokens were cached, %d wanted", got.first.CachedTokens, 2+2*fakeVisual)
	}
	if fresh := served(t, newWorld(t, retention(300)), next)[0]; !slices.Equal(got.tokens, fresh.tokens) {
		t.Errorf("%v, alone %v", got.tokens, fresh.tokens)
	}
}

// Long texts share what they have in common, in blocks.
func TestLongTextsShareTheirBeginning(t *testing.T) {
	a, b := textPrompt(1500, 5).max(4), textPrompt(1500, 5).max(4)
	b.Tokens[1200] = 9
	w := newWorld(t, cached, pages(1000))
	got := served(t, w, a, b)[1]
	if got.first.CachedTokens != textBlock {
		t.Errorf("%d tokens were cached, %d wanted", got.first.CachedTokens, textBlock)
	}
	if fresh := served(t, newWorld(t, pages(1000)), b)[0]; !slices.Equal(got.tokens, fresh.tokens) {
		t.Errorf("%v, alone %v", got.tokens, fresh.tokens)
	}
}

// Cached prompts are no load, and no request waits for them: they go when their pages are needed, the oldest first.
func TestCachedPagesGoAtOnceWhereTheyAreNeeded(t *testing.T) {
	w := newWorld(t, cached, pages(40)) // one whole prompt takes 7 pages a layer, its block 6
	prompt := func(picture int) Request { return picturePrompt(1, 20, 5).showing(picture).max(2) }
	served(t, w, prompt(1))
	if l := w.Snapshot().Load; l.PagesCached != 18 || l.PagesUsed != 0 || l.UsageRatio != 0 || l.PagesFree != 40 {
		t.Errorf("the load of a kept prompt is %+v", l)
	}
	big := w.submit(textPrompt(200, 4).max(2)) // 39 pages
	w.finishAll()
	if a := w.read(big); a.finish != FinishLength || w.Snapshot().Load.PagesCached != 0 {
		t.Errorf("%+v beside %d cached pages", a, w.Snapshot().Load.PagesCached)
	}
	served(t, w, prompt(2), prompt(3))
	if got := served(t, w, prompt(3))[0]; got.first.CachedTokens != 82 || w.Snapshot().Load.PagesCached != 18 {
		t.Errorf("%d tokens cached, %d pages", got.first.CachedTokens, w.Snapshot().Load.PagesCached)
	}
	w.expectEmpty()
}

// Where a prompt's block has gone, what the vision tower made of its picture may still be there.
func TestPicturesOutliveTheirBlocks(t *testing.T) {
	w := newWorld(t, withVision, retention(300), pages(60))
	r := picturePrompt(1, 20, 5).showing(7).max(4)
	first := served(t, w, r, textPrompt(280, 4).max(2))[0] // which takes all pages
	if n := w.Snapshot().Load.PagesCached; n != 0 {
		t.Fatalf("%d pages are cached, the block should be gone", n)
	}
	w.model.calls = nil
	again := served(t, w, r)[0]
	if slices.Contains(w.model.calls, "encode") || !slices.Contains(w.model.calls, "write") || again.first.CachedTokens != 0 {
		t.Errorf("%d tokens cached and calls %v: the picture's rows should come from the host", again.first.CachedTokens, w.model.calls)
	}
	if !slices.Equal(first.tokens, again.tokens) {
		t.Errorf("%v, the first time %v", again.tokens, first.tokens)
	}
	served(t, w, r.showing(1), r.showing(2), r.showing(3), r.showing(4)) // there is room for four
	w.model.calls = nil
	served(t, w, textPrompt(280, 4).max(2), r)
	if !slices.Contains(w.model.calls, "encode") {
		t.Error("the picture that was used longest ago should have gone")
	}
}

// A prompt that fails leaves nothing for others.
func TestFailedPromptsAreNotKept(t *testing.T) {
	w := newWorld(t, cached, ahead)
	failing := true
	w.model.beforeTake = func() error {
		if failing {
			return errHiccup
		}
		return nil
	}
	r := picturePrompt(1, 20, 5).showing(7).max(1)
	if a := served(t, w, r)[0]; a.finish != FinishError {
		t.Fatalf("%+v", a)
	}
	failing = false
	if a := served(t, w, r)[0]; a.first.CachedTokens != 0 || a.finish != FinishLength {
		t.Errorf("%+v", a)
	}
	if a := served(t, w, r)[0]; a.first.CachedTokens != 82 {
		t.Errorf("%+v", a)
	}
}

// Blocks whose pages are needed go to host memory, come back for the next prompt that begins so, and hold what they held; there is room
// for some of them.
func TestBlocksComeBackFromHostMemory(t *testing.T) {
	const block = 18 * pageBytes
	w := newWorld(t, retention(300), pages(60), func(o *Options) { o.PrefixCache = PrefixCache{On: true, OffloadBytes: 2 * block} })
	r := picturePrompt(1, 20, 5).showing(7).max(4)
	first := served(t, w, r, textPrompt(280, 4).max(2))[0] // which takes all pages
	if l := w.Snapshot().Load; l.PagesCached != 0 || l.BytesOffloaded != block {
		t.Fatalf("%+v: the block should be in host memory", l)
	}
	w.model.calls = nil
	again := served(t, w, r)[0]
	if again.first.CachedTokens != 82 || slices.Contains(w.model.calls, "encode") || !slices.Equal(first.tokens, again.tokens) {
		t.Errorf("%d tokens cached, calls %v; %v, the first time %v", again.first.CachedTokens, w.model.calls, again.tokens, first.tokens)
	}
	if l := w.Snapshot().Load; l.PagesCached != 18 || l.BytesOffloaded != 0 {
		t.Errorf("%+v: the block should be in pages again", l)
	}
	served(t, w, r.showing(1), r.showing(2), r.showing(3), textPrompt(280, 4).max(2))
	if l := w.Snapshot().Load; l.BytesOffloaded != 2*block {
		t.Errorf("%d bytes in host memory, there is room for %d", l.BytesOffloaded, 2*block)
	}
	if got := served(t, w, r)[0]; got.first.CachedTokens != 0 {
		t.Errorf("the oldest of four blocks should have gone: %d tokens cached", got.first.CachedTokens)
	}
}

// A block that cannot come back is forgotten, and its prompt is prefilled.
func TestABlockThatCannotComeBackIsComputedAgain(t *testing.T) {
	w := newWorld(t, retention(300), pages(60), func(o *Options) { o.PrefixCache = PrefixCache{On: true, OffloadBytes: 1 << 20} })
	r := picturePrompt(1, 20, 5).showing(7).max(4)
	first := served(t, w, r, textPrompt(280, 4).max(2))[0]
	w.model.beforeMove = func(string) error { return errHiccup }
	again := served(t, w, r)[0]
	if again.first.CachedTokens != 0 || !slices.Equal(first.tokens, again.tokens) {
		t.Errorf("%+v, the first time %v", again, first.tokens)
	}
	w.model.beforeMove = nil
	if got := served(t, w, r)[0]; got.first.CachedTokens != 82 {
		t.Errorf("%d tokens cached", got.first.CachedTokens)
	}
}
