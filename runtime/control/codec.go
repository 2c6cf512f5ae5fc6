package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Limits of the bodies on the wire, in bytes. A Tuning has under 300 bytes and its
// Directive under 600, an Observation under 4 KiB; the rest is room for later fields.
const (
	MaxTuningBytes      = 4 << 10
	MaxObservationBytes = 64 << 10
)

// DecodeTuning reads one Tuning, at most MaxTuningBytes of it. Unknown fields are
// passed over, so that an operator may be newer than its pods; Check judges the values.
func DecodeTuning(r io.Reader) (Tuning, error) { return decode[Tuning](r, "tuning", MaxTuningBytes) }

// DecodeAck reads a pod's answer to a Tuning.
func DecodeAck(r io.Reader) (Ack, error) { return decode[Ack](r, "ack", MaxTuningBytes) }

// DecodeObservation reads a pod's Observation.
func DecodeObservation(r io.Reader) (Observation, error) {
	return decode[Observation](r, "observation", MaxObservationBytes)
}

// DecodeError reads the body of an answer that is not 200.
func DecodeError(r io.Reader) (*Error, error) {
	body, err := decode[ErrorBody](r, "error", MaxTuningBytes)
	if err == nil && body.Error == nil {
		err = invalid("error", `error: the field "error" is missing`)
	}
	if err != nil {
		return nil, err
	}
	return body.Error, nil
}

// decode reads exactly one JSON object of at most limit bytes.
func decode[T any](r io.Reader, what string, limit int64) (T, error) {
	content, err := read(r, what, limit)
	if err != nil {
		var zero T
		return zero, err
	}
	return parse[T](content, what)
}

func read(r io.Reader, what string, limit int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading the %s: %w", what, err)
	}
	if int64(len(content)) > limit {
		return nil, refused("", CodeTooLarge, "%s has more than %d bytes", what, limit)
	}
	return content, nil
}

func parse[T any](content []byte, what string) (T, error) {
	var v, zero T
	trimmed := bytes.TrimLeft(content, " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' {
		return zero, refused("", CodeInvalidJSON, "%s is not a JSON object", what)
	}
	if err := json.Unmarshal(content, &v); err != nil {
		return zero, jsonError(what, err)
	}
	return v, nil
}

// jsonError names the field where encoding/json knows it.
func jsonError(what string, err error) *Error {
	var typed *json.UnmarshalTypeError
	if errors.As(err, &typed) {
		return invalid(typed.Field, "%s: field %q cannot hold a %s, it is of type %s", what, typed.Field, typed.Value, typed.Type)
	}
	return refused("", CodeInvalidJSON, "%s is not valid JSON: %v", what, err)
}
