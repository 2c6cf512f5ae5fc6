package server

import (
	"errors"
	"fmt"
	"net/http"
	"os"

	"aircache.dev/aircache/runtime/control"
)

// Tunable is the part of the engine that the control port steers.
type Tunable interface {
	// SetTuning applies a wish at the next admission, or refuses it with a *control.Error.
	SetTuning(control.Tuning) (control.Ack, error)
	// Applied is the wish in force.
	Applied() control.Ack
}

func (s *Server) getTuning(w http.ResponseWriter, _ *http.Request) {
	m := s.model.Load()
	if m == nil {
		writeControlError(w, s.stillLoading())
		return
	}
	writeJSON(w, http.StatusOK, m.Engine.Applied())
}

func (s *Server) putTuning(w http.ResponseWriter, r *http.Request) {
	m := s.model.Load()
	if m == nil {
		writeControlError(w, s.stillLoading())
		return
	}
	s.limitDirective(w)
	tuning, err := s.opts.TuningKeys.Open(r.Body)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = &control.Error{Message: fmt.Sprintf("the directive did not arrive within %.0f seconds", tuningTimeout.Seconds()), Code: control.CodeTimeout}
	}
	if err != nil {
		s.tuningRefused("control port", tuning, err)
		writeControlError(w, err)
		return
	}
	ack, err := s.applyTuning(m.Engine, tuning, "control port")
	if err != nil {
		writeControlError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, ack)
}

func (s *Server) getObservation(w http.ResponseWriter, _ *http.Request) {
	seen, ok := s.observe()
	if !ok {
		writeControlError(w, s.stillLoading())
		return
	}
	writeJSON(w, http.StatusOK, seen)
}

// applyTuning is the one way in for the control port and for the mounted file.
func (s *Server) applyTuning(engine Tunable, tuning control.Tuning, from string) (control.Ack, error) {
	before := engine.Applied()
	ack, err := engine.SetTuning(tuning)
	switch {
	case err != nil:
		s.tuningRefused(from, tuning, err)
	case !tuning.Same(before):
		s.log.Info("tuning applied", "from", from, "epoch", ack.Epoch, "revision", ack.Revision, "targetPermille", ack.TargetPermille, "wasPermille", before.TargetPermille)
	}
	return ack, err
}

func (s *Server) tuningRefused(from string, tuning control.Tuning, reason error) {
	code := "unreadable"
	if refusal := (*control.Error)(nil); errors.As(reason, &refusal) {
		code = refusal.Code
	}
	s.metrics.refused.WithLabelValues(code).Inc()
	s.log.Warn("tuning refused", "from", from, "epoch", tuning.Epoch, "revision", tuning.Revision, "targetPermille", tuning.TargetPermille, "reason", reason)
}

func (s *Server) stillLoading() *control.Error {
	return &control.Error{Message: "the engine is not there yet: the model is loading", Code: control.CodeUnavailable}
}

func writeControlError(w http.ResponseWriter, err error) {
	var refusal *control.Error
	if !errors.As(err, &refusal) {
		refusal = &control.Error{Message: err.Error(), Code: control.CodeInvalidValue}
	}
	writeJSON(w, refusal.Status(), control.ErrorBody{Error: refusal})
}
