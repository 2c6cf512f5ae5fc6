package server

import (
	"encoding/json"
	"net/http"
	"strconv"

	"aircache.dev/aircache/runtime/server/openai"
)

func writeJSON(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		// Only a NaN or Inf can do this; the request is lost, the process is not.
		status, b = http.StatusInternalServerError, []byte(`{"error":{"message":"The answer could not be written.","type":"server_error","param":null,"code":"internal_error"}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}

func writeError(w http.ResponseWriter, err *openai.Error) {
	if watched, ok := w.(*watchedWriter); ok {
		watched.code = err.Code
	}
	if err.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(err.RetryAfter))
	}
	writeJSON(w, err.Status, err)
}
