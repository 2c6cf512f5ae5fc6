package server

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"aircache.dev/aircache/runtime/server/openai"
)

// contain gives every request an id and a log line, and keeps a panic inside the
// request that caused it: the client gets a 500, the process lives on.
func (s *Server) contain(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := s.opts.NewID()
		out := &watchedWriter{ResponseWriter: w}
		out.Header().Set("X-Request-Id", id)
		if s.state.Draining() {
			out.Header().Set("Connection", "close") // a client that tries again must reach another pod
		}
		r = r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id))
		// A kept connection still has the deadline of its last answer.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
		start := s.now()
		defer func() {
			if cause := recover(); cause != nil {
				s.reportPanic(out, r, id, cause)
			}
			if out.status == 0 {
				out.status = http.StatusOK // what net/http sends for a handler that wrote nothing
			}
			s.metrics.requests.WithLabelValues(routeOf(r), strconv.Itoa(out.status)).Inc()
			s.log.Log(r.Context(), levelOf(r.URL.Path, out.status), "request",
				slog.String("id", id), slog.String("method", r.Method), slog.String("path", r.URL.Path),
				slog.Int("status", out.status), slog.String("code", out.code), slog.Duration("took", s.now().Sub(start).Round(time.Microsecond)))
		}()
		next.ServeHTTP(out, r)
	})
}

func (s *Server) reportPanic(out *watchedWriter, r *http.Request, id string, cause any) {
	if cause == http.ErrAbortHandler {
		panic(cause) // net/http's own way to cut a connection
	}
	s.metrics.panics.Inc()
	s.log.Error("a request panicked", slog.String("id", id), slog.String("path", r.URL.Path),
		slog.Any("panic", cause), slog.String("stack", string(debug.Stack())))
	if out.status == 0 {
		writeError(out, openai.Internal("The server failed on this request; its log has the cause under request %s.", id))
	}
}

// levelOf keeps what comes every few seconds out of the normal log: probes, scrapes
// and other successes (an answer has its own line).
func levelOf(path string, status int) slog.Level {
	probe := path == "/livez" || path == "/readyz" || path == "/health"
	switch {
	case status < http.StatusBadRequest || probe:
		return slog.LevelDebug
	case status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable:
		return slog.LevelError
	default:
		return slog.LevelWarn
	}
}

// routeOf is the pattern that matched: a label must not grow with what clients make up.
func routeOf(r *http.Request) string {
	if r.Pattern == "" {
		return "other"
	}
	return r.Pattern
}

type requestIDKey struct{}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// watchedWriter remembers the status, and the code of a refusal (see writeError): its message may repeat what the client
// sent, and belongs in no log. Unwrap lets http.ResponseController flush and set deadlines.
type watchedWriter struct {
	http.ResponseWriter
	status int
	code   string
}

func (w *watchedWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *watchedWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
