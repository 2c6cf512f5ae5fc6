package server

import (
	"errors"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"

	"aircache.dev/aircache/runtime/server/openai"
)

const (
	// bodiesInMemory is how many bodies of the largest size may be held at once, from
	// the first byte until their pictures are decoded. Smaller ones are many more.
	bodiesInMemory = 4

	firstBodyBytes = 64 << 10
)

// body is a request's body in memory that is booked as it arrives: who announces
// 64 MiB and sends nothing holds 64 KiB.
type body struct {
	memory *semaphore.Weighted
	bytes  []byte
	most   int64 // a byte more than may come: its arrival tells that too much did
}

// readBody reads a request's body within its size and time; free gives its memory back.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) (*body, *openai.Error) {
	limit := s.opts.MaxBodyBytes
	s.limitReading(w)
	b := &body{memory: s.bodies, most: limit + 1}
	if r.ContentLength >= 0 {
		b.most = min(limit, r.ContentLength) + 1
	}
	switch {
	case r.ContentLength > limit && r.Header.Get("Expect") != "": // it waits for leave to send
		return nil, tooLargeBody(limit)
	case r.ContentLength > limit:
		return nil, refuseLargeBody(r.Body, limit)
	}
	if refusal := b.fill(r.Body, limit); refusal != nil {
		b.free()
		return nil, refusal
	}
	// The deadline was the body's alone: left in place it would end the wait for the answer.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return b, nil
}

func (b *body) fill(from io.Reader, limit int64) *openai.Error {
	err := b.read(from)
	switch {
	case errors.Is(err, errNoMemory):
		return noMemory()
	case int64(len(b.bytes)) > limit:
		return refuseLargeBody(from, limit)
	case err != nil:
		return unreadable(err)
	}
	return nil
}

// errNoMemory says that too much is being read at once.
var errNoMemory = errors.New("no memory for another large request")

func noMemory() *openai.Error {
	return openai.Busy(openai.CodeQueueFull, queueRetrySeconds, "Too many large requests are being read; try again.")
}

// read reads to the end, or until the most bytes are here, and books what it takes.
func (b *body) read(from io.Reader) error {
	for int64(len(b.bytes)) < b.most {
		if len(b.bytes) == cap(b.bytes) && !b.grow() {
			return errNoMemory
		}
		n, err := from.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// grow doubles the room, if there is memory for it.
func (b *body) grow() bool {
	room := min(max(firstBodyBytes, 2*int64(cap(b.bytes))), b.most)
	more := room - int64(cap(b.bytes))
	if !b.memory.TryAcquire(more) {
		return false
	}
	grown := make([]byte, len(b.bytes), room)
	copy(grown, b.bytes)
	b.bytes = grown
	return true
}

func (b *body) free() {
	b.memory.Release(int64(cap(b.bytes)))
	b.bytes = nil
}

// refuseLargeBody reads on, for twice the limit at most: a client that still sends
// when the connection closes sees it reset, and never the reason.
func refuseLargeBody(rest io.Reader, limit int64) *openai.Error {
	_, _ = io.CopyN(io.Discard, rest, 2*limit)
	return tooLargeBody(limit)
}

func tooLargeBody(limit int64) *openai.Error {
	return openai.Refusal(http.StatusRequestEntityTooLarge, openai.TypeInvalidRequest, openai.CodeTooLarge,
		"The body is larger than the %d bytes that this server accepts.", limit)
}

func unreadable(err error) *openai.Error {
	var slow interface{ Timeout() bool }
	if errors.As(err, &slow) && slow.Timeout() {
		return openai.Refusal(http.StatusRequestTimeout, openai.TypeInvalidRequest, openai.CodeRequestTooSlow,
			"The body did not arrive within %d seconds.", int(bodyTimeout.Seconds()))
	}
	return openai.ClientGone()
}
