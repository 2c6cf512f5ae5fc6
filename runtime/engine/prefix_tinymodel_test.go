package engine_test

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"aircache.dev/aircache/runtime/engine"
)

func cachedPrompts(o *engine.Options) {
	o.PrefixCache = engine.PrefixCache{On: true, VisionBytes: 64 << 20}
}

// A question whose picture was asked about before is answered as by an engine that sees the picture for the first time, to the last
// bit of every log-probability: the same rows are kept in each layer, at any retention. And the words are those of an engine
// that caches nothing.
func TestRealModelAnswersFromCachedPromptsToTheBit(t *testing.T) {
	p, cases := processor(t), someQuestions(t)
	about := func(picture, words int) engine.Request {
		return question{Pictures: cases[picture].Pictures, Tokens: cases[words].Tokens}.request(t, p)
	}
	two := cases[6].request(t, p)
	for _, permille := range []int32{1000, 100} {
		plain := start(t, airCache, permille, 64<<20)
		for _, pair := range [][2]engine.Request{{about(0, 0), about(0, 1)}, {two, two}} {
			knows, fresh := &gauge{}, &gauge{}
			with, without := startWith(t, airCache, permille, 64<<20, knows, cachedPrompts), startWith(t, airCache, permille, 64<<20, fresh, cachedPrompts)
			listen(t, ask(t, with, pair[0]))
			got, want := listen(t, ask(t, with, pair[1])), listen(t, ask(t, without, pair[1]))
			if got.usage.CachedTokens < 576 || want.usage.CachedTokens != 0 {
				t.Fatalf("%d permille: %d tokens cached, and %d where nothing is known", permille, got.usage.CachedTokens, want.usage.CachedTokens)
			}
			if !slices.Equal(got.tokens, want.tokens) || !slices.Equal(got.logProbs, want.logProbs) || !reflect.DeepEqual(got.usage.RecallCurve, want.usage.RecallCurve) ||
				!slices.Equal(knows.last.LayerBudgets, fresh.last.LayerBudgets) || got.usage.KVBytesKept != want.usage.KVBytesKept {
				t.Errorf("%d permille: from the cache %v %v, budgets %v\nfresh %v %v, budgets %v", permille, got.tokens, got.logProbs, knows.last.LayerBudgets,
					want.tokens, want.logProbs, fresh.last.LayerBudgets)
			}
			off := listen(t, ask(t, plain, pair[1]))
			if !slices.Equal(off.tokens, got.tokens) || farthest(off.logProbs, got.logProbs) > 1e-4 {
				t.Errorf("%d permille: %v %v, without a cache %v %v", permille, got.tokens, got.logProbs, off.tokens, off.logProbs)
			}
		}
	}
}

func farthest(a, b []float32) (most float64) {
	for i := range min(len(a), len(b)) {
		most = max(most, math.Abs(float64(a[i]-b[i])))
	}
	return most
}
