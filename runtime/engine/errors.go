package engine

import (
	"errors"
	"fmt"
	"time"
)

// Why a request is not taken now; another replica, or a later try, may succeed.
var (
	ErrQueueFull = errors.New("the queue is full")
	ErrDraining  = errors.New("the engine is shutting down")
)

// QueueFullError is ErrQueueFull, and when it is worth to come back. A request that was queued ends with it where another tenant's
// takes its place: see queue.
type QueueFullError struct {
	Waiting    int
	RetryAfter time.Duration // in which as many requests left the queue of late as wait in it now
}

func (e *QueueFullError) Error() string {
	return fmt.Sprintf("%v: %d requests wait", ErrQueueFull, e.Waiting)
}
func (e *QueueFullError) Is(target error) bool { return target == ErrQueueFull }

// LimitError says that a request can never be served by this engine, and which limit forbids it.
type LimitError struct {
	Param string // the request's field: "messages" or "max_tokens"
	Limit int64
	Got   int64
	Unit  string // what is counted: "tokens of context", "bytes of KV cache"
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s needs %d %s, at most %d fit", e.Param, e.Got, e.Unit, e.Limit)
}

// RequestError says that a request contradicts itself or the model.
type RequestError struct{ Param, Reason string }

func (e *RequestError) Error() string { return e.Reason }

// panicError is a panic inside one request's work, kept inside it.
type panicError struct {
	during string
	cause  any
	stack  []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic while %s: %v", e.during, e.cause) }
