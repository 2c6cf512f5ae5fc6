package engine_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"aircache.dev/aircache/runtime/engine"
)

type agreements struct {
	engine.Discard
	seen chan engine.Agreement
}

func (a agreements) Agreed(x engine.Agreement) { a.seen <- x }

// What a serving engine finds about a request is what a study finds, where the two read the same words.
func TestAServedRequestsAgreementIsTheStudys(t *testing.T) {
	found := agreements{seen: make(chan engine.Agreement, 9)}
	e := startWith(t, airCache, 20, 64<<20, found, func(o *engine.Options) { o.ShadowPermille = 1000 })
	s, p, compared := study(t, 32<<20), processor(t), 0
	for n, q := range someQuestions(t)[:5] {
		request := q.request(t, p)
		c := open(t, s, request, airCache)
		want, err := c.Run(airCache, 20)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		got := listen(t, ask(t, e, request))
		a := <-found.seen
		if !slices.Equal(got.tokens, want.Tokens) || a.RetentionPermille != 20 {
			t.Fatalf("question %d: served %v, studied %v", n, got.tokens, want.Tokens)
		}
		if want.FirstDisagreement >= 0 || a.Steps != len(want.Tokens) {
			continue // the shadow read the compressed cache's words, or not all of them
		}
		compared++
		if a.Agreed != a.Steps || math.Abs(a.KL-want.KL) > 1e-6 {
			t.Errorf("question %d: %+v, the study has agreement %v, KL %v", n, a, want.Agreement, want.KL)
		}
	}
	if compared == 0 {
		t.Error("no question could be compared")
	}
	if err := e.Drain(context.Background()); err != nil {
		t.Fatal(err)
	}
}
