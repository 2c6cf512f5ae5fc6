package main

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"log/slog"
)

func newLogger(w io.Writer, format, level string) *slog.Logger {
	var at slog.Level
	_ = at.UnmarshalText([]byte(level)) // the flag was checked
	options := &slog.HandlerOptions{Level: at}
	if format == "text" {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// newID names a request: 96 random bits, so that ids of many pods do not meet.
func newID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
