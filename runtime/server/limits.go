package server

import (
	"errors"
	"io"
	"net/http"
	"time"

	"aircache.dev/aircache/runtime/server/openai"
)

// Timeouts of a connection. There is none for a whole answer: a long answer is
// normal. What must not stall is each single step.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = 60 * time.Second
	idleTimeout   = 120 * time.Second
	writeTimeout  = 30 * time.Second // for one write of an answer; a client that stops reading frees its KV then
	maxHeaderSize = 64 << 10
)

// HTTPServer wraps a handler with the timeouts that both ports share.
func HTTPServer(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderSize}
}

// bodiesInMemory is how many bodies of the largest size may be held at once, from
// the first byte until their pictures are decoded. Smaller ones are many more.
const bodiesInMemory = 4

// holdBody books a body's memory before it is read; free gives it back.
func (s *Server) holdBody(r *http.Request) (free func(), refusal *openai.Error) {
	size := s.opts.MaxBodyBytes // of a body that does not tell
	if r.ContentLength >= 0 {
		size = min(size, r.ContentLength)
	}
	if !s.bodies.TryAcquire(size) {
		return nil, openai.Busy(openai.CodeQueueFull, queueRetrySeconds, "Too many large requests are being read; try again.")
	}
	return func() { s.bodies.Release(size) }, nil
}

// readBody reads a request's body within its size and time.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, *openai.Error) {
	limit := s.opts.MaxBodyBytes
	if r.ContentLength > limit {
		return nil, bodyTooLarge(limit)
	}
	s.limitReading(w)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	var slow interface{ Timeout() bool }
	switch {
	case errors.As(err, &tooLarge):
		return nil, bodyTooLarge(limit)
	case errors.As(err, &slow) && slow.Timeout():
		return nil, openai.Refusal(http.StatusRequestTimeout, openai.TypeInvalidRequest, openai.CodeRequestTooSlow,
			"The body did not arrive within %d seconds.", int(bodyTimeout.Seconds()))
	case err != nil:
		return nil, openai.ClientGone()
	}
	// The deadline was the body's alone: left in place it would end the wait for the answer.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return body, nil
}

// limitReading gives the body a deadline. Recorders in tests have none to set; that is no error.
func (s *Server) limitReading(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(s.now().Add(bodyTimeout))
}

func (s *Server) limitWriting(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(s.now().Add(writeTimeout))
}

func bodyTooLarge(limit int64) *openai.Error {
	return openai.Refusal(http.StatusRequestEntityTooLarge, openai.TypeInvalidRequest, openai.CodeTooLarge,
		"The body is larger than the %d bytes that this server accepts.", limit)
}
