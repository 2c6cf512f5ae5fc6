package server

import (
	"net/http"
	"sync"

	"aircache.dev/aircache/runtime/server/openai"
)

// State says whether the process takes requests. It only moves forward:
// loading -> ready -> draining, or loading -> draining.
type State struct {
	mu       sync.Mutex
	loading  string // what is being waited for; empty once ready
	stalled  string // why nothing moves; empty while the engine works
	draining bool
	inside   int           // requests that were let in and have not left
	empty    chan struct{} // closed when the last one has left a draining server
}

// NewState starts in the loading state, with the reason that /readyz will give.
func NewState(reason string) *State {
	return &State{loading: reason, empty: make(chan struct{})}
}

// Loading changes the reason while the model loads.
func (s *State) Loading(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loading = reason
}

// Stalled takes readiness away while the engine does nothing for its requests; an empty reason gives it back.
func (s *State) Stalled(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stalled = reason
}

// Ready lets requests in, unless the process already drains.
func (s *State) Ready() { s.Loading("") }

// Drain turns readiness off for good. The channel is closed when every request
// that was let in before has left.
func (s *State) Drain() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.draining {
		s.draining = true
		s.closeIfEmpty()
	}
	return s.empty
}

// enter lets a request in, which must leave, or says why not. One that is inside
// is finished, even if it had not reached the engine when the drain began.
func (s *State) enter() *openai.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	refusal := s.refusal()
	if refusal == nil {
		s.inside++
	}
	return refusal
}

func (s *State) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inside--
	s.closeIfEmpty()
}

func (s *State) closeIfEmpty() {
	if s.draining && s.inside == 0 {
		close(s.empty)
	}
}

// Draining reports whether Drain was called.
func (s *State) Draining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

// Refusal is why requests are not taken now; nil when they are.
func (s *State) Refusal() *openai.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refusal()
}

func (s *State) refusal() *openai.Error {
	switch {
	case s.draining:
		return openai.Busy(openai.CodeDraining, drainRetrySeconds, "The server is shutting down; another one will answer.")
	case s.loading != "":
		return openai.Busy(openai.CodeLoading, loadingRetrySeconds, "The server is not ready: %s.", s.loading)
	case s.stalled != "":
		return openai.Busy(openai.CodeStalled, loadingRetrySeconds, "The server is not ready: %s.", s.stalled)
	default:
		return nil
	}
}

// Seconds for Retry-After: a draining pod is soon out of its Service, and the next
// connection reaches another one; a model loads for a while.
const (
	drainRetrySeconds   = 1
	loadingRetrySeconds = 5
	queueRetrySeconds   = 1
)

func (s *State) livez(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "ok\n") }

func (s *State) readyz(w http.ResponseWriter, _ *http.Request) {
	if err := s.Refusal(); err != nil {
		writeText(w, http.StatusServiceUnavailable, err.Message+"\n")
		return
	}
	writeText(w, http.StatusOK, "ok\n")
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}
