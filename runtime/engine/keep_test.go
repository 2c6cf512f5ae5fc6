package engine

import (
	"slices"
	"testing"

	"aircache.dev/aircache/runtime/control"
)

func kept(o *Options) { o.PrefixCache = PrefixCache{On: true, Keep: true} }

// next is the turn after one that was answered: its prompt, so much of its answer, and new words.
func (r Request) next(said []int32, words ...int32) Request {
	r.Tokens = slices.Concat(r.Tokens, said, words)
	return r
}

// The next turn prefills its own words and what the answer's last token was, over the cache that the turn before left. With whole caches
// that is exact: the answer is the one that a prompt without any cache gets.
func TestTheNextTurnGoesOnWithTheCacheOfTheTurnBefore(t *testing.T) {
	turn := picturePrompt(1, 20, 5).showing(7).max(8)
	for name, edits := range map[string][]func(*Options){
		"one step at a time": {kept}, "steps ahead": {kept, ahead}, "in chunks": {kept, chunk(5)}, "swapped": {kept, func(o *Options) { o.Swap = Swap{PromisedAnswer: 2, HostBytes: 1 << 20} }},
	} {
		w := newWorld(t, edits...)
		said := served(t, w, turn)[0].tokens
		second := turn.next(said, 9, 3, 3)
		w.model.units = nil
		got := served(t, w, second)[0]
		if want := []int{4, 4, 4}; got.first.CachedTokens != len(turn.Tokens)+7 || name != "in chunks" && !slices.Equal(w.model.units, want) {
			t.Errorf("%s: %d tokens cached, units %v, %v wanted", name, got.first.CachedTokens, w.model.units, want)
		}
		if fresh := served(t, newWorld(t), second)[0]; !slices.Equal(got.tokens, fresh.tokens) {
			t.Errorf("%s: %v, alone %v", name, got.tokens, fresh.tokens)
		}
		third := second.next(got.tokens, 11)
		if got := served(t, w, third)[0]; got.first.CachedTokens != len(second.Tokens)+7 {
			t.Errorf("%s: the third turn found %d tokens", name, got.first.CachedTokens)
		}
	}
}

// Where the client shows less of the answer than was generated, up to a stop string say, the rows behind are dropped.
func TestRowsOfAnAnswerThatTheNextTurnLeavesOutAreDropped(t *testing.T) {
	turn := picturePrompt(1, 20, 5).showing(7).max(40)
	w := newWorld(t, kept)
	said := served(t, w, turn)[0].tokens
	second := turn.next(said[:3], 9, 3, 3)
	if said[3] == 9 {
		t.Fatal("the words should part")
	}
	got := served(t, w, second)[0]
	if fresh := served(t, newWorld(t), second)[0]; got.first.CachedTokens != len(turn.Tokens)+3 || !slices.Equal(got.tokens, fresh.tokens) {
		t.Errorf("%d tokens cached: %v, alone %v", got.first.CachedTokens, got.tokens, fresh.tokens)
	}
}

// A compressed cache goes on as it is: it keeps the rows that it kept, says so, and whatever retention is in force evicts nothing more.
func TestAKeptCacheIsNotCompressedAgain(t *testing.T) {
	w := newWorld(t, kept, retention(300))
	turn := picturePrompt(1, 20, 5).showing(7).max(8)
	first := served(t, w, turn)[0]
	if _, err := w.SetTuning(control.Tuning{Revision: 1, TargetPermille: 50}); err != nil {
		t.Fatal(err)
	}
	second := served(t, w, turn.next(first.tokens, 9, 3, 3))[0]
	if second.usage.RetentionPermille != 300 || second.usage.KVTokensKept != first.usage.KVTokensKept || second.usage.Recall != first.usage.Recall {
		t.Errorf("the first turn: %+v, the second: %+v", first.usage, second.usage)
	}
	if second.usage.KVBytesKept <= first.usage.KVBytesKept-3*pageBytes || second.usage.KVBytesKept >= second.usage.KVBytesFull {
		t.Errorf("%d bytes of %d, the first turn had %d", second.usage.KVBytesKept, second.usage.KVBytesFull, first.usage.KVBytesKept)
	}
}

// Whoever is not the next turn of the same conversation takes the exact way: from whole blocks, or from nothing.
func TestOnlyTheSameConversationGoesOn(t *testing.T) {
	turn := picturePrompt(1, 20, 5).showing(7).of("a").max(8)
	for name, c := range map[string]struct {
		next   func(said []int32) Request
		cached int
	}{
		"another question about the picture": {func([]int32) Request { return picturePrompt(1, 30, 9).showing(7).of("a").max(8) }, 82},
		"another tenant":                     {func(said []int32) Request { return turn.next(said, 9).of("b") }, 0},
		"another picture":                    {func(said []int32) Request { return turn.next(said, 9).showing(8) }, 0},
		"one picture more": {func(said []int32) Request {
			r := turn.next(said, slices.Repeat([]int32{fakePicture}, fakeVisual)...).next([]int32{9, 3}).showing(7, 8)
			return r
		}, 82},
		"the same turn again": {func([]int32) Request { return turn }, 82},
	} {
		w := newWorld(t, kept, retention(300))
		r := c.next(served(t, w, turn)[0].tokens)
		got := served(t, w, r)[0]
		if fresh := served(t, newWorld(t, retention(300)), r)[0]; got.first.CachedTokens != c.cached || !slices.Equal(got.tokens, fresh.tokens) {
			t.Errorf("%s: %d tokens cached, %d wanted; %v, alone %v", name, got.first.CachedTokens, c.cached, got.tokens, fresh.tokens)
		}
	}
}

// A kept cache is taken once, and is given up when its pages are needed.
func TestAKeptCacheHasOneOwner(t *testing.T) {
	w := newWorld(t, kept, retention(300))
	turn := picturePrompt(1, 20, 5).showing(7).max(8)
	second := turn.next(served(t, w, turn)[0].tokens, 9, 3, 3)
	a, b := w.submit(second), w.submit(second)
	w.finishAll()
	if first, other := w.read(a), w.read(b); first.first.CachedTokens != len(turn.Tokens)+7 || other.first.CachedTokens != 82 {
		t.Errorf("two turns at once found %d and %d tokens", first.first.CachedTokens, other.first.CachedTokens)
	}

	w = newWorld(t, kept, retention(300), pages(60))
	said := served(t, w, turn, textPrompt(280, 4).max(2))[0].tokens // which takes all pages
	r := turn.next(said, 9)
	got := served(t, w, r)[0]
	if fresh := served(t, newWorld(t, retention(300)), r)[0]; got.first.CachedTokens != 0 || !slices.Equal(got.tokens, fresh.tokens) {
		t.Errorf("%d tokens cached: %v, alone %v", got.first.CachedTokens, got.tokens, fresh.tokens)
	}
}
