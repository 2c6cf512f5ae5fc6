package server

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// brokenBody is a body whose reading fails.
type brokenBody struct{ err error }

func (b brokenBody) Read([]byte) (int, error) { return 0, b.err }

func TestABodyThatDoesNotArrive(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
	}{
		"a stalled client is told the limit":       {os.ErrDeadlineExceeded, http.StatusRequestTimeout},
		"a client that hung up is only in the log": {errors.New("connection reset"), 499},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			out := httptest.NewRecorder()
			w.server.API().ServeHTTP(out, httptest.NewRequest("POST", "/v1/chat/completions", brokenBody{c.err}))
			if out.Code != c.status || c.status == 408 && !strings.Contains(out.Body.String(), "60 seconds") {
				t.Errorf("got %d %s", out.Code, out.Body)
			}
		})
	}
}

// slowBody tells when it is read for the first time, and then waits.
type slowBody struct {
	begun, goOn chan struct{}
	rest        io.Reader
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.begun != nil {
		close(b.begun)
		b.begun = nil
		<-b.goOn
	}
	return b.rest.Read(p)
}

func TestBodiesInMemoryAreBounded(t *testing.T) {
	w := newWorld(t, func(o *Options, _ *Model) { o.MaxWaiting = bodiesInMemory })
	api, goOn, done := w.server.API(), make(chan struct{}), make(chan int, bodiesInMemory)
	for range bodiesInMemory { // bodies that do not tell their length
		begun := make(chan struct{})
		r := httptest.NewRequest("POST", "/v1/chat/completions", &slowBody{begun, goOn, strings.NewReader(`{"model":"tiny","messages":[{"role":"user","content":"x"}]}`)})
		go func() {
			out := httptest.NewRecorder()
			api.ServeHTTP(out, r)
			done <- out.Code
		}()
		<-begun
	}
	if g := w.ask(""); g.status != 503 || g.err(t).Code != "queue_full" || g.header.Get("Retry-After") == "" {
		t.Errorf("one more: %d %s", g.status, g.body)
	}
	close(goOn)
	for range bodiesInMemory {
		if status := <-done; status != 200 {
			t.Errorf("one that was booked: %d", status)
		}
	}
	w.ask("").completion(t)
}

// deadlines notes the write deadlines that a handler sets.
type deadlines struct {
	http.ResponseWriter
	set []time.Time
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}

func (d *deadlines) Unwrap() http.ResponseWriter { return d.ResponseWriter }

func TestAKeptConnectionLosesTheDeadlineOfItsLastAnswer(t *testing.T) {
	w := newWorld(t)
	out := &deadlines{ResponseWriter: httptest.NewRecorder()}
	w.server.API().ServeHTTP(out, httptest.NewRequest("GET", "/v1/models", nil))
	if len(out.set) == 0 || !out.set[0].IsZero() {
		t.Errorf("deadlines set: %v, want none in force at first", out.set)
	}
	out = &deadlines{ResponseWriter: httptest.NewRecorder()}
	w.server.API().ServeHTTP(out, httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(`{"model":"tiny","stream":true,"messages":[{"role":"user","content":"x"}]}`)))
	if n := len(out.set); n < 5 || out.set[n-1].IsZero() {
		t.Errorf("a stream set %d deadlines, want one for each write", n)
	}
}
