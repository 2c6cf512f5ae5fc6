package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"unicode/utf8"
)

// object is a JSON object whose fields are read one by one, each with its own complaint.
type object struct {
	at     string // path of the object in the request; empty at the root
	fields map[string]json.RawMessage
}

// maxFields is far above what any object of a request has; it bounds the memory of one that is made up of fields.
const maxFields = 128

// parseObject takes valid JSON. Of two fields with one name the last counts.
func parseObject(at string, raw json.RawMessage) (object, *Error) {
	o := object{at: at, fields: map[string]json.RawMessage{}}
	if raw[0] != '{' {
		return o, wrongType(at, "an object", raw)
	}
	count := 0
	eachField(raw, func(name, value []byte) bool {
		count++
		o.fields[unquote(name)] = value
		return count <= maxFields
	})
	if count > maxFields {
		return o, Invalid(at, CodeInvalidValue, "An object%s has more than %d fields.", within(at), maxFields)
	}
	return o, nil
}

func within(at string) string {
	if at == "" {
		return ""
	}
	return " in '" + at + "'"
}

// unquote reads a JSON string. Most have nothing to unescape, and encoding/json would go over a picture three times.
func unquote(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	_ = json.Unmarshal(raw, &s) // cannot fail on a valid string
	return s
}

// path is a field's place in the request, as in messages[0].content.
func (o object) path(name string) string {
	if o.at == "" {
		return name
	}
	return o.at + "." + name
}

// get returns a field's value; null counts as left out, as OpenAI has it.
func (o object) get(name string) (json.RawMessage, bool) {
	raw, ok := o.fields[name]
	return raw, ok && !bytes.Equal(raw, []byte("null"))
}

// refuseOthers complains of the first field, by name, that is none of the known ones.
func (o object) refuseOthers(known ...string) *Error {
	var others []string
	for name := range o.fields {
		if !slices.Contains(known, name) {
			others = append(others, name)
		}
	}
	if len(others) == 0 {
		return nil
	}
	slices.Sort(others)
	name := shorten(others[0])
	return Invalid(o.path(name), CodeUnknown, "Unrecognized request argument supplied: '%s'.", o.path(name))
}

func (o object) text(name string) (string, bool, *Error) {
	raw, ok := o.get(name)
	if !ok {
		return "", false, nil
	}
	if raw[0] != '"' {
		return "", false, wrongType(o.path(name), "a string", raw)
	}
	return unquote(raw), true, nil
}

func (o object) boolean(name string) (bool, *Error) {
	raw, ok := o.get(name)
	if !ok {
		return false, nil
	}
	var b bool
	if json.Unmarshal(raw, &b) != nil {
		return false, wrongType(o.path(name), "a boolean", raw)
	}
	return b, nil
}

// integer reads a whole number from lo to hi; the pointer is nil when the field is left out.
func (o object) integer(name string, lo, hi int64) (*int64, *Error) {
	raw, ok := o.get(name)
	if !ok {
		return nil, nil
	}
	var n int64
	if err := json.Unmarshal(raw, &n); err != nil {
		var typed *json.UnmarshalTypeError
		if errors.As(err, &typed) && kindOf(raw) == "a number" {
			return nil, Invalid(o.path(name), CodeInvalidValue, "Invalid value for '%s': expected a whole number from %d to %d, but got %s.", o.path(name), lo, hi, shorten(string(raw)))
		}
		return nil, wrongType(o.path(name), "an integer", raw)
	}
	if n < lo || n > hi {
		return nil, Invalid(o.path(name), CodeInvalidValue, "Invalid value for '%s': it must be from %d to %d, but got %d.", o.path(name), lo, hi, n)
	}
	return &n, nil
}

// number reads a number from lo to hi.
func (o object) number(name string, lo, hi float64) (*float64, *Error) {
	raw, ok := o.get(name)
	if !ok {
		return nil, nil
	}
	if kindOf(raw) != "a number" {
		return nil, wrongType(o.path(name), "a number", raw)
	}
	x, err := strconv.ParseFloat(string(raw), 64) // a number that float64 cannot hold becomes Inf, with an error
	if err != nil {
		return nil, Invalid(o.path(name), CodeInvalidValue, "Invalid value for '%s': it must be from %v to %v, but got %s.", o.path(name), lo, hi, shorten(string(raw)))
	}
	if x < lo || x > hi {
		return nil, Invalid(o.path(name), CodeInvalidValue, "Invalid value for '%s': it must be from %v to %v, but got %v.", o.path(name), lo, hi, x)
	}
	return &x, nil
}

// list reads an array's elements, at least one and at most limit; what names them in a complaint.
func (o object) list(name string, limit int, what string) ([]json.RawMessage, *Error) {
	raw, ok := o.get(name)
	if !ok || raw[0] != '[' {
		return nil, wrongType(o.path(name), "an array", raw)
	}
	var elements []json.RawMessage
	eachElement(raw, func(value []byte) bool {
		elements = append(elements, value)
		return len(elements) <= limit
	})
	if len(elements) == 0 {
		return nil, Invalid(o.path(name), CodeInvalidValue, "Invalid '%s': it must have at least 1 %s, but got 0.", o.path(name), what)
	}
	if len(elements) > limit {
		return nil, Invalid(o.path(name), CodeInvalidValue, "Invalid '%s': it must have at most %d %ss, but got more.", o.path(name), limit, what)
	}
	return elements, nil
}
