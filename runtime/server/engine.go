package server

import (
	"context"

	"aircache.dev/aircache/runtime/engine"
)

// Engine is what the server needs of an engine; Drive makes one of *engine.Engine.
type Engine interface {
	Tunable
	// Submit queues a request. When ctx ends the request is given up.
	Submit(ctx context.Context, r engine.Request) (Stream, error)
	// Drain takes no more requests and returns when all have ended, or when ctx does.
	Drain(ctx context.Context) error
}

// Stream is an answer that comes token by token; *engine.Handle is one.
type Stream interface {
	// Events is closed after the event that has a Finish.
	Events() <-chan engine.Event
	// Stop ends the answer early with FinishStop.
	Stop()
}
