package testkit

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"aircache.dev/aircache/runtime/control"
)

// Tune answers PUT /v1/tuning as a runtime pod does that knows keys, has the bounds own and applies applied; it returns what the pod applies then.
func Tune(w http.ResponseWriter, r *http.Request, keys control.Keyring, own control.Bounds, applied control.Ack) control.Ack {
	wish, err := keys.Open(r.Body)
	if err == nil {
		err = wish.Check(applied, own)
	}
	if err != nil {
		refused := &control.Error{Message: err.Error(), Code: control.CodeInvalidJSON}
		errors.As(err, &refused)
		w.WriteHeader(refused.Status())
		_ = json.NewEncoder(w).Encode(control.ErrorBody{Error: refused}) // a client that went away is no concern of the pod's
		return applied
	}
	if !wish.Same(applied) {
		applied = wish.Accepted(time.Unix(0, 0))
	}
	_ = json.NewEncoder(w).Encode(applied)
	return applied
}
