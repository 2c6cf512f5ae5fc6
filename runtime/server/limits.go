package server

import (
	"net/http"
	"time"
)

// Timeouts of a connection. There is none for a whole answer: a long answer is
// normal. What must not stall is each single step.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = 60 * time.Second
	tuningTimeout = 5 * time.Second // for a directive, which is one packet
	idleTimeout   = 120 * time.Second
	writeTimeout  = 30 * time.Second // for one write of an answer; a client that stops reading frees its KV then
	maxHeaderSize = 64 << 10
)

// HTTPServer wraps a handler with the timeouts that both ports share.
func HTTPServer(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderSize}
}

// limitReading gives the body a deadline. Recorders in tests have none to set; that is no error.
func (s *Server) limitReading(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(s.now().Add(bodyTimeout))
}

func (s *Server) limitDirective(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(s.now().Add(tuningTimeout))
}

func (s *Server) limitWriting(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(s.now().Add(writeTimeout))
}
