package control

import "net/http"

// Codes of a refusal; a program decides by them, a person reads the message.
const (
	CodeInvalidJSON    = "invalid_json"
	CodeInvalidValue   = "invalid_value"
	CodeWrongAddressee = "wrong_addressee"
	CodeOutOfBounds    = "out_of_bounds"
	CodeStale          = "stale_revision"
	CodeTooLarge       = "too_large"
	CodeUnavailable    = "unavailable"
	CodeTimeout        = "timeout"

	CodeNotSigned    = "not_signed"
	CodeUnknownKey   = "unknown_key"
	CodeBadSignature = "bad_signature"
)

// Error is a refusal on the control port; its JSON is {"error": {...}}.
type Error struct {
	Message string `json:"message"`
	Param   string `json:"param,omitempty"`
	Code    string `json:"code"`
}

// ErrorBody is the body of every answer of the control port that is not 200.
type ErrorBody struct {
	Error *Error `json:"error"`
}

func (e *Error) Error() string { return e.Message }

// Status is the HTTP status of the refusal.
func (e *Error) Status() int {
	switch e.Code {
	case CodeStale:
		return http.StatusConflict
	case CodeNotSigned, CodeUnknownKey, CodeBadSignature:
		return http.StatusForbidden
	case CodeTimeout:
		return http.StatusRequestTimeout
	case CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusBadRequest
	}
}
