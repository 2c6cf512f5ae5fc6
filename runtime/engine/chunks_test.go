package engine_test

import (
	"slices"
	"testing"

	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/engine"
)

// A prompt whose layers are prefilled in pieces keeps the same rows of its pictures and is answered with the same words.
func TestRealModelInPiecesKeepsTheSameRows(t *testing.T) {
	last := compress.SnapKV{}
	settings := []engine.Setting{{Policy: airCache, Permille: 200}, {Policy: airCache, Permille: 20}, {Policy: last, Permille: 20}}
	s, p := study(t, 24<<20), processor(t)
	for n, q := range someQuestions(t)[4:6] {
		var whole []engine.Outcome
		for _, rows := range []int{0, 150} {
			s.Chunk(rows)
			c := open(t, s, q.request(t, p), airCache, last)
			outcomes, err := c.RunAll(settings...)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			if rows == 0 {
				whole = outcomes
				continue
			}
			for i, got := range outcomes {
				if want := whole[i]; !slices.Equal(got.Tokens, want.Tokens) || !slices.EqualFunc(got.Kept, want.Kept, slices.Equal[[]int32]) {
					t.Errorf("question %d, %s at %d permille by %d rows: %v keeping %v, whole %v keeping %v", n, settings[i].Policy.Name(), settings[i].Permille,
						rows, got.Tokens, got.Budgets, want.Tokens, want.Budgets)
				}
			}
		}
	}
}

// However small the chunks, a prompt passes with what it keeps and one whole layer, and is answered with the same words, beside
// answers that run meanwhile.
func TestRealModelInChunksHoldsNoMore(t *testing.T) {
	p := processor(t)
	var requests []engine.Request
	for _, q := range someQuestions(t)[5:] { // one picture, two pictures
		requests = append(requests, q.request(t, p))
	}
	peaks := func(edit func(*engine.Options)) (peaks []int64, words [][]int32) {
		g := &gauge{}
		e := startWith(t, airCache, 100, 64<<20, g, edit)
		for _, r := range requests {
			g.reset()
			words = append(words, listen(t, ask(t, e, r)).tokens)
			used, _ := g.most()
			peaks = append(peaks, used)
		}
		var handles []*engine.Handle
		for _, r := range requests {
			handles = append(handles, ask(t, e, r))
		}
		for _, h := range handles {
			words = append(words, listen(t, h).tokens)
		}
		return peaks, words
	}
	whole, words := peaks(func(o *engine.Options) { o.PrefillChunk = 4096 })
	for _, edit := range []func(*engine.Options){
		func(o *engine.Options) { o.PrefillChunk, o.Ahead = 128, true }, // a layer and a half
		func(o *engine.Options) { o.PrefillChunk = 40 },                 // 320 rows of a layer
	} {
		gotPeaks, got := peaks(edit)
		if !slices.Equal(gotPeaks, whole) {
			t.Errorf("the peaks are %v bytes, unchunked %v", gotPeaks, whole)
		}
		if !slices.EqualFunc(got, words, slices.Equal[[]int32]) {
			t.Errorf("the answers are %v, unchunked %v", got, words)
		}
	}
}

// Steps that are launched before the last one is read give the same answers, to the last bit of their log-probabilities.
func TestRealModelAheadIsBitExact(t *testing.T) {
	plain := start(t, airCache, 200, 64<<20)
	far := startWith(t, airCache, 200, 64<<20, engine.Discard{}, func(o *engine.Options) { o.Ahead = true })
	p, seed := processor(t), int64(3)
	for i, q := range someQuestions(t)[:4] {
		request := q.request(t, p)
		if i%2 == 1 {
			request.Sampling.Temperature, request.Sampling.TopP, request.Sampling.Seed = 1, .9, &seed
		}
		a, b := listen(t, ask(t, plain, request)), listen(t, ask(t, far, request))
		if !slices.Equal(a.tokens, b.tokens) || !slices.Equal(a.logProbs, b.logProbs) {
			t.Errorf("question %d: %v %v, ahead %v %v", i, a.tokens, a.logProbs, b.tokens, b.logProbs)
		}
	}
}
