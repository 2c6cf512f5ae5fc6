package server

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/engine"
)

func TestDrainLetsOpenStreamsFinishAndTurnsNewOnesAway(t *testing.T) {
	w := newWorld(t)
	started, goOn := make(chan struct{}), make(chan struct{})
	w.engine.script = func(_ context.Context, s *fakeStream) {
		s.events <- engine.Event{Token: 'a'}
		close(started)
		<-goOn
		s.events <- engine.Event{Token: 'z'}
		s.events <- engine.Event{Finish: "stop", Usage: usageOf()}
	}
	open := make(chan got, 1)
	go func() { open <- w.ask(`"stream":true`) }()
	<-started
	drained := make(chan error, 1)
	go func() { drained <- w.server.Drain(t.Context()) }()
	for !w.state.Draining() {
		runtime.Gosched()
	}
	if g := w.ask(""); g.status != 503 || g.header.Get("Retry-After") == "" || g.err(t).Code != "draining" || !g.closed {
		t.Errorf("a new request during the drain: %d %s", g.status, g.body)
	}
	if g := w.do("GET", "/readyz", ""); g.status != 503 {
		t.Errorf("/readyz during the drain: %d", g.status)
	}
	if g := w.do("GET", "/livez", ""); g.status != 200 {
		t.Errorf("/livez during the drain: %d", g.status)
	}
	close(goOn)
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if g := <-open; !strings.Contains(g.body, `"z"`) || !strings.HasSuffix(g.body, "data: [DONE]\n\n") {
		t.Errorf("the open stream was cut: %s", g.body)
	}
}

// As many streams as a busy pod has open, from as many connections: a drain cuts none, and none that comes later is left without a word.
func TestADrainLosesNoneOfTwoHundredOpenStreams(t *testing.T) {
	const open = 200
	w := newWorld(t, func(o *Options, _ *Model) { o.MaxWaiting = open })
	started, goOn := make(chan struct{}, open), make(chan struct{})
	w.engine.script = func(_ context.Context, s *fakeStream) {
		s.events <- engine.Event{Token: 'a'}
		started <- struct{}{}
		<-goOn
		for range 8 {
			s.events <- engine.Event{Token: 'm'}
		}
		s.events <- engine.Event{Finish: "stop", Usage: usageOf()}
	}
	answers := make(chan got, open)
	for range open {
		go func() { answers <- w.ask(`"stream":true`) }()
	}
	for range open {
		<-started
	}
	drained := make(chan error, 1)
	go func() { drained <- w.server.Drain(t.Context()) }()
	for !w.state.Draining() {
		runtime.Gosched()
	}
	late := w.ask(`"stream":true`)
	if late.status != 503 || late.header.Get("Retry-After") == "" {
		t.Errorf("one that came later: %d %s", late.status, late.body)
	}
	close(goOn)
	for range open {
		if g := <-answers; g.status != 200 || strings.Count(g.body, `"content":"m"`) != 8 || !strings.HasSuffix(g.body, "data: [DONE]\n\n") {
			t.Fatalf("a stream was cut: %d %s", g.status, g.body)
		}
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

// closedDoor is an engine that takes nothing more once it drains, as the real one does.
type closedDoor struct{ *fakeEngine }

func (e closedDoor) Drain(ctx context.Context) error {
	e.mu.Lock()
	e.submitErr = engine.ErrDraining
	e.mu.Unlock()
	return e.fakeEngine.Drain(ctx)
}

func TestDrainWaitsForARequestWhosePicturesAreStillBeingDecoded(t *testing.T) {
	decoding := make(chan struct{})
	w := newWorld(t, func(_ *Options, m *Model) {
		m.Pictures = fakePictures{decoding}
		m.Engine = closedDoor{m.Engine.(*fakeEngine)}
	})
	answered := make(chan got, 1)
	go func() {
		answered <- w.do("POST", "/v1/chat/completions", `{"model":"tiny","messages":[{"role":"user","content":[`+picture+`]}]}`)
	}()
	for w.server.workers.waiting.Load() == 0 {
		runtime.Gosched()
	}
	drained := make(chan error, 1)
	go func() { drained <- w.server.Drain(t.Context()) }()
	for !w.state.Draining() {
		runtime.Gosched()
	}
	close(decoding)
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if g := <-answered; g.status != 200 {
		t.Errorf("a request that was let in before the drain: %d %s", g.status, g.body)
	}
}

func TestTheDrainEndsWithItsTimeEvenIfARequestIsStillBeingDecoded(t *testing.T) {
	decoding := make(chan struct{})
	w := newWorld(t, func(_ *Options, m *Model) {
		m.Pictures = fakePictures{decoding}
		m.Engine = closedDoor{m.Engine.(*fakeEngine)}
	})
	answered := make(chan got, 1)
	go func() {
		answered <- w.do("POST", "/v1/chat/completions", `{"model":"tiny","messages":[{"role":"user","content":[`+picture+`]}]}`)
	}()
	for w.server.workers.waiting.Load() == 0 {
		runtime.Gosched()
	}
	ctx, end := context.WithCancel(t.Context())
	end()
	if err := w.server.Drain(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(decoding)
	if g := <-answered; g.status != 503 || g.err(t).Code != "draining" {
		t.Errorf("the request that came too late: %d %s", g.status, g.body)
	}
}

func TestAnAnswerCutOffByTheDrainSaysSo(t *testing.T) {
	w := newWorld(t)
	w.engine.script = func(_ context.Context, s *fakeStream) {
		w.state.Drain()
		s.events <- engine.Event{Finish: engine.FinishAbort}
	}
	if g := w.ask(""); g.status != 503 || g.err(t).Code != "draining" || g.header.Get("Retry-After") != "1" {
		t.Errorf("got %d %s", g.status, g.body)
	}
}
