package server

import (
	"context"

	"aircache.dev/aircache/runtime/engine"
)

// Drive makes an engine into what the server needs.
func Drive(e *engine.Engine) Engine { return driven{e} }

type driven struct{ *engine.Engine }

func (d driven) Submit(ctx context.Context, r engine.Request) (Stream, error) {
	handle, err := d.Engine.Submit(ctx, r)
	if err != nil {
		return nil, err // not a nil *Handle in a Stream that is not nil
	}
	return handle, nil
}
