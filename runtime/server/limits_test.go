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

// heldBody delivers its beginning, and its end when the test says so.
type heldBody struct {
	begin, end io.Reader
	begun      chan struct{}
	goOn       chan struct{}
}

func (b *heldBody) Read(p []byte) (int, error) {
	if n, err := b.begin.Read(p); err == nil {
		return n, nil
	}
	if b.begun != nil {
		close(b.begun)
		b.begun = nil
		<-b.goOn
	}
	return b.end.Read(p)
}

// hold posts a body that stops after its beginning; its status comes through done once goOn is closed.
func hold(api http.Handler, length int64, begin, end string, goOn chan struct{}, done chan<- int) {
	begun := make(chan struct{})
	r := httptest.NewRequest("POST", "/v1/chat/completions", &heldBody{strings.NewReader(begin), strings.NewReader(end), begun, goOn})
	r.ContentLength = length
	go func() {
		out := httptest.NewRecorder()
		api.ServeHTTP(out, r)
		done <- out.Code
	}()
	<-begun
}

const shortQuestion = `{"model":"tiny","messages":[{"role":"user","content":"x"}]}`

func TestBodiesInMemoryAreBounded(t *testing.T) {
	w := newWorld(t, func(o *Options, _ *Model) { o.MaxWaiting = bodiesInMemory })
	api, goOn, done := w.server.API(), make(chan struct{}), make(chan int, bodiesInMemory)
	for range bodiesInMemory { // white space up to the last byte that is allowed
		hold(api, -1, strings.Repeat(" ", 1<<16-len(shortQuestion)), shortQuestion, goOn, done)
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

func TestABodyThatIsAnnouncedButNotSentKeepsNobodyOut(t *testing.T) {
	const large, slow = 1 << 20, 3 * bodiesInMemory
	w := newWorld(t, func(o *Options, _ *Model) { o.MaxBodyBytes = large })
	goOn, done := make(chan struct{}), make(chan int, slow)
	for range slow {
		hold(w.server.API(), large, "{", "", goOn, done)
	}
	w.ask("").completion(t)
	close(goOn)
	for range slow {
		if status := <-done; status != 400 {
			t.Errorf("one that never came: %d", status)
		}
	}
}

func TestAClientThatSendsTooMuchIsHeardOutBeforeItIsRefused(t *testing.T) {
	w := newWorld(t)
	for name, length := range map[string]int64{"announced": 1<<16 + 9000, "not announced": -1} {
		sent := strings.NewReader(strings.Repeat("x", 1<<16+9000))
		r := httptest.NewRequest("POST", "/v1/chat/completions", io.NopCloser(sent))
		r.ContentLength = length
		out := httptest.NewRecorder()
		w.server.API().ServeHTTP(out, r)
		if out.Code != http.StatusRequestEntityTooLarge || sent.Len() != 0 {
			t.Errorf("%s: %d with %d bytes unread", name, out.Code, sent.Len())
		}
	}
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
