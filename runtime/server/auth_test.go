package server

import (
	"context"
	"net/http"
	"testing"

	"aircache.dev/aircache/runtime/engine"
)

func TestKeysAreReplacedWhileTheServerAnswers(t *testing.T) {
	keys := NewKeys([]string{"old"})
	w := newWorld(t, func(o *Options, _ *Model) { o.Keys = keys })
	status := func(key string) int { return w.do("GET", "/v1/models", "", "Authorization", "Bearer "+key).status }
	if status("old") != http.StatusOK || status("new") != http.StatusUnauthorized {
		t.Fatal("the first keys are not in force")
	}
	keys.Replace([]string{"new"})
	if status("old") != http.StatusUnauthorized || status("new") != http.StatusOK {
		t.Error("the new keys are not in force")
	}
}

// A tenant's own bound is a 429: another tenant is served meanwhile, and so is this one when a request has ended.
func TestAKeyHasNoMoreRequestsUnderWayThanItMay(t *testing.T) {
	w := newWorld(t, func(o *Options, _ *Model) { o.Keys, o.MaxPerKey, o.MaxWaiting = NewKeys([]string{"a", "b"}), 2, 16 })
	started, goOn := make(chan struct{}), make(chan struct{})
	w.engine.script = func(_ context.Context, s *fakeStream) {
		started <- struct{}{}
		<-goOn
		s.events <- engine.Event{Finish: "stop", Usage: usageOf()}
	}
	const body = `{"model":"tiny","messages":[{"role":"user","content":"What?"}]}`
	ask := func(key string) got {
		return w.do("POST", "/v1/chat/completions", body, "Authorization", "Bearer "+key)
	}
	done := make(chan got, 3)
	for _, key := range []string{"a", "a", "b"} {
		go func() { done <- ask(key) }()
		<-started
	}
	g := ask("a")
	if e := g.err(t); g.status != http.StatusTooManyRequests || e.Code != "rate_limit_exceeded" || g.header.Get("Retry-After") == "" {
		t.Errorf("one too many: %d %s", g.status, g.body)
	}
	close(goOn)
	for range 3 {
		if g := <-done; g.status != http.StatusOK {
			t.Errorf("within the bound: %d %s", g.status, g.body)
		}
	}
	go func() { <-started }()
	if g := ask("a"); g.status != http.StatusOK {
		t.Errorf("after the others: %d %s", g.status, g.body)
	}
}
