package hub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// What a caller may want to know about a failure.
var (
	// ErrNotFound: the source has no such repository, revision, bucket or file.
	ErrNotFound = errors.New("not found")
	// ErrDenied: the source refuses to show it, with the credentials that were given or without any.
	ErrDenied = errors.New("denied")
	// ErrOffline: files are missing and the network must not be used.
	ErrOffline = errors.New("not in the cache, and the network is not to be used")
	// ErrNoSpace: the cache's file system is too small.
	ErrNoSpace = errors.New("no space left")
)

// statusError is an answer that is not what was asked for.
type statusError struct {
	what       string // "GET https://..." or "s3:GetObject key", without credentials
	code       int
	message    string // the server's words
	retryAfter time.Duration
}

func (e *statusError) Error() string {
	text := fmt.Sprintf("%s: %d %s", e.what, e.code, http.StatusText(e.code))
	if e.message != "" {
		text += ": " + e.message
	}
	return text
}

func (e *statusError) Is(target error) bool {
	switch e.code {
	case http.StatusUnauthorized, http.StatusForbidden:
		return target == ErrDenied
	case http.StatusNotFound, http.StatusGone:
		return target == ErrNotFound
	}
	return false
}

// permanentError cannot be mended by trying again.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

func permanent(format string, values ...any) error {
	return permanentError{fmt.Errorf(format, values...)}
}

// temporary tells whether a try that failed may succeed later, and how long the server asks to wait.
func temporary(err error) (retryAfter time.Duration, yes bool) {
	var status *statusError
	var never permanentError
	var wrong *errDigest
	var file *fs.PathError
	switch {
	case errors.As(err, &never), errors.As(err, &wrong), errors.As(err, &file), errors.Is(err, context.Canceled):
		return 0, false
	case errors.As(err, &status):
		later := status.code == http.StatusTooManyRequests || status.code == http.StatusRequestTimeout || status.code >= 500 && status.code != http.StatusNotImplemented
		return status.retryAfter, later
	}
	return 0, true // the network's
}

// readRetryAfter understands both forms: seconds and a date.
func readRetryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil {
		return time.Duration(max(seconds, 0)) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// explainDisk says "no space" in a way that a caller can ask for, with the numbers that are known.
func explainDisk(name string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return permanent("writing %s: %w: %w", name, ErrNoSpace, err)
	}
	return permanent("writing %s: %w", name, err)
}
