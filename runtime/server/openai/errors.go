package openai

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Types of an error, as OpenAI's clients know them.
const (
	TypeInvalidRequest = "invalid_request_error"
	TypeAuthentication = "authentication_error"
	TypeServer         = "server_error"
	TypeOverloaded     = "overloaded_error"
	TypeRateLimit      = "rate_limit_error"
)

// Codes that programs may decide by.
const (
	CodeInvalidJSON     = "invalid_json"
	CodeInvalidValue    = "invalid_value"
	CodeMissing         = "missing_required_parameter"
	CodeUnknown         = "unknown_parameter"
	CodeUnsupported     = "unsupported_parameter"
	CodeInvalidImage    = "invalid_image"
	CodeContextLength   = "context_length_exceeded"
	CodeModelNotFound   = "model_not_found"
	CodeNotFound        = "not_found"
	CodeMethod          = "method_not_allowed"
	CodeTooLarge        = "request_too_large"
	CodeInvalidAPIKey   = "invalid_api_key"
	CodeQueueFull       = "queue_full"
	CodeRateLimit       = "rate_limit_exceeded"
	CodeDraining        = "draining"
	CodeLoading         = "loading"
	CodeStalled         = "stalled"
	CodeInternal        = "internal_error"
	CodeClientWentAway  = "client_closed_request"
	CodeRequestTooSlow  = "request_timeout"
	statusClientGone    = 499 // nobody reads it; it only appears in the log
	maxQuotedCharacters = 64
)

// Error is a refusal in OpenAI's shape, with the HTTP status that carries it.
type Error struct {
	Status     int
	Message    string
	Type       string
	Param      string // empty: written as null
	Code       string
	RetryAfter int // seconds; 0: no Retry-After header
}

func (e *Error) Error() string { return e.Message }

// MarshalJSON writes {"error": {message, type, param, code}}.
func (e *Error) MarshalJSON() ([]byte, error) {
	type inner struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    string  `json:"code"`
	}
	body := inner{Message: e.Message, Type: e.Type, Code: e.Code}
	if e.Param != "" {
		body.Param = &e.Param
	}
	return json.Marshal(map[string]inner{"error": body})
}

// Invalid is a 400 that names the field at fault.
func Invalid(param, code, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Type: TypeInvalidRequest, Param: param, Code: code, Message: fmt.Sprintf(format, args...)}
}

// ModelNotFound is the answer to a name that this server does not serve.
func ModelNotFound(asked, served string) *Error {
	return &Error{Status: http.StatusNotFound, Type: TypeInvalidRequest, Param: "model", Code: CodeModelNotFound,
		Message: fmt.Sprintf("The model %q does not exist here; this server serves %q.", shorten(asked), served)}
}

// Refusal is an error that is about the server's state or the route, not about a field.
func Refusal(status int, kind, code, format string, args ...any) *Error {
	return &Error{Status: status, Type: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Busy is a 503 that says when to come back.
func Busy(code string, retryAfter int, format string, args ...any) *Error {
	return &Error{Status: http.StatusServiceUnavailable, Type: TypeOverloaded, Code: code, RetryAfter: retryAfter, Message: fmt.Sprintf(format, args...)}
}

// TooMany is a 429 that says when to come back: it is about who asks, not about the server's load.
func TooMany(retryAfter int, format string, args ...any) *Error {
	return &Error{Status: http.StatusTooManyRequests, Type: TypeRateLimit, Code: CodeRateLimit, RetryAfter: retryAfter, Message: fmt.Sprintf(format, args...)}
}

// ClientGone ends a request whose client hung up; only the log sees it.
func ClientGone() *Error {
	return &Error{Status: statusClientGone, Type: TypeInvalidRequest, Code: CodeClientWentAway, Message: "The client closed the connection."}
}

// Internal is a 500. Its message goes to the client: never put a cause in it that the client must not see.
func Internal(format string, args ...any) *Error {
	return &Error{Status: http.StatusInternalServerError, Type: TypeServer, Code: CodeInternal, Message: fmt.Sprintf(format, args...)}
}

func missing(param string) *Error {
	return Invalid(param, CodeMissing, "Missing required parameter: '%s'.", param)
}

func wrongType(param, want string, got json.RawMessage) *Error {
	return Invalid(param, CodeInvalidValue, "Invalid type for '%s': expected %s, but got %s.", param, want, kindOf(got))
}

// kindOf names the JSON type of a value; the first byte tells.
func kindOf(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "nothing"
	}
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		return "a number"
	}
}

// shorten keeps a client's text out of errors and logs beyond what helps to recognise it.
func shorten(s string) string {
	characters := 0
	for at := range s {
		if characters++; characters > maxQuotedCharacters {
			return s[:at] + "..."
		}
	}
	return s
}
