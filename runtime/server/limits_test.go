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

func TestBodiesInMemoryAreBounded(t *testing.T) {
	w := newWorld(t)
	var writers []*io.PipeWriter
	done := make(chan int, bodiesInMemory)
	for range bodiesInMemory { // bodies without a length, each half sent
		reader, writer := io.Pipe()
		writers = append(writers, writer)
		r, _ := http.NewRequestWithContext(t.Context(), "POST", w.api.URL+"/v1/chat/completions", reader)
		go func() {
			resp, err := w.api.Client().Do(r)
			if err != nil {
				done <- 0
				return
			}
			_ = resp.Body.Close()
			done <- resp.StatusCode
		}()
		_, _ = writer.Write([]byte(`{"model":`))
	}
	var refused got
	for refused.status != http.StatusServiceUnavailable { // until the last of them has been booked
		refused = w.ask("")
	}
	if refused.err(t).Code != "queue_full" || refused.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", refused.status, refused.body)
	}
	for _, writer := range writers {
		_, _ = writer.Write([]byte(`"tiny","messages":[{"role":"user","content":"x"}]}`))
		_ = writer.Close()
	}
	for range writers {
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
