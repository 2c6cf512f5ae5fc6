package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
)

// object is a JSON object whose fields are read one by one, each with its own complaint.
type object struct {
	at     string // path of the object in the request; empty at the root
	fields map[string]json.RawMessage
}

func parseObject(at string, raw json.RawMessage) (object, *Error) {
	o := object{at: at}
	if len(raw) == 0 || raw[0] != '{' {
		return o, wrongType(at, "an object", raw)
	}
	if err := json.Unmarshal(raw, &o.fields); err != nil {
		return o, Invalid(at, CodeInvalidJSON, "We could not parse the JSON body of your request: %v.", err)
	}
	return o, nil
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
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return "", false, wrongType(o.path(name), "a string", raw)
	}
	return s, true, nil
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
	var x float64
	if json.Unmarshal(raw, &x) != nil {
		return nil, wrongType(o.path(name), "a number", raw)
	}
	if x < lo || x > hi {
		return nil, Invalid(o.path(name), CodeInvalidValue, "Invalid value for '%s': it must be from %v to %v, but got %v.", o.path(name), lo, hi, x)
	}
	return &x, nil
}

// list reads an array's elements.
func (o object) list(name string) ([]json.RawMessage, *Error) {
	raw, _ := o.get(name)
	var elements []json.RawMessage
	if len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &elements) != nil {
		return nil, wrongType(o.path(name), "an array", raw)
	}
	return elements, nil
}
