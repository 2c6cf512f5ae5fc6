package openai

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Message is one turn. Content keeps the order of texts and pictures.
type Message struct {
	Role    string // system, user or assistant
	Content []Part
}

// Part is a text, or a picture: a data: URL that is not decoded yet, or an http(s) URL that is not fetched yet.
type Part struct {
	Text     string
	ImageURL string // empty for a text
	Encoded  []byte // the picture's bytes, once they are fetched; nil with a data: URL
	Param    string // where the picture stood in the request, for errors
}

// emptyInEchoes are fields that OpenAI's clients send back, empty, with an
// assistant's earlier turn; with a value they are refused.
var emptyInEchoes = map[string][]string{
	"refusal": {}, "audio": {}, "function_call": {}, "tool_calls": {"[]"}, "annotations": {"[]"},
}

func parseMessage(at string, raw json.RawMessage) (Message, *Error) {
	o, err := parseObject(at, raw)
	if err != nil {
		return Message{}, err
	}
	role, err := messageRole(o)
	if err != nil {
		return Message{}, err
	}
	known := []string{"role", "content"}
	for _, name := range sortedNames(emptyInEchoes) {
		known = append(known, name)
		if raw, ok := o.get(name); ok && !asksForNothing(raw, emptyInEchoes[name]) {
			return Message{}, unsupportedValue(o.path(name), nil)
		}
	}
	if err := o.refuseOthers(known...); err != nil {
		return Message{}, err
	}
	parts, err := messageContent(o, role)
	return Message{Role: role, Content: parts}, err
}

// messageRole maps "developer", OpenAI's newer name, to the "system" that models were trained with.
func messageRole(o object) (string, *Error) {
	role, ok, err := o.text("role")
	if err != nil {
		return "", err
	}
	switch {
	case !ok:
		return "", missing(o.path("role"))
	case role == "system", role == "user", role == "assistant":
		return role, nil
	case role == "developer":
		return "system", nil
	default:
		return "", Invalid(o.path("role"), CodeInvalidValue,
			"Invalid value for '%s': '%s'. Supported values are: 'system', 'developer', 'user', and 'assistant'.", o.path("role"), shorten(role))
	}
}

func messageContent(o object, role string) ([]Part, *Error) {
	raw, ok := o.get("content")
	if !ok {
		return nil, missing(o.path("content"))
	}
	if raw[0] == '"' {
		text, _, err := o.text("content")
		return []Part{{Text: text}}, err
	}
	if raw[0] != '[' {
		return nil, wrongType(o.path("content"), "a string or an array of content parts", raw)
	}
	elements, err := o.list("content", MaxParts, "content part")
	if err != nil {
		return nil, err
	}
	var parts []Part
	for i, raw := range elements {
		part, err := parsePart(fmt.Sprintf("%s[%d]", o.path("content"), i), raw, role)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return parts, nil
}

func parsePart(at string, raw json.RawMessage, role string) (Part, *Error) {
	o, err := parseObject(at, raw)
	if err != nil {
		return Part{}, err
	}
	kind, ok, err := o.text("type")
	switch {
	case err != nil:
		return Part{}, err
	case !ok:
		return Part{}, missing(o.path("type"))
	case kind == "text":
		return textPart(o)
	case kind == "image_url" && role == "user":
		return imagePart(o)
	case kind == "image_url":
		return Part{}, Invalid(o.path("type"), CodeInvalidValue, "Invalid '%s': pictures are allowed in messages of role 'user', not of '%s'.", o.path("type"), role)
	default:
		return Part{}, Invalid(o.path("type"), CodeInvalidValue, "Invalid value for '%s': '%s'. Supported values are: 'text' and 'image_url'.", o.path("type"), shorten(kind))
	}
}

var pictureSchemes = []string{"data", "http", "https"}

// IsFetched tells whether the picture lies elsewhere.
func (p *Part) IsFetched() bool {
	scheme, _, _ := strings.Cut(p.ImageURL, ":")
	return strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")
}

func textPart(o object) (Part, *Error) {
	text, ok, err := o.text("text")
	if err != nil {
		return Part{}, err
	}
	if !ok {
		return Part{}, missing(o.path("text"))
	}
	return Part{Text: text}, o.refuseOthers("type", "text")
}

// imagePart reads {"image_url": {"url", "detail"}}. A detail level is accepted and
// has one meaning: the model's preprocessor knows a single size.
func imagePart(o object) (Part, *Error) {
	raw, ok := o.get("image_url")
	if !ok {
		return Part{}, missing(o.path("image_url"))
	}
	if err := o.refuseOthers("type", "image_url"); err != nil {
		return Part{}, err
	}
	inner, err := parseObject(o.path("image_url"), raw)
	if err != nil {
		return Part{}, err
	}
	if err := inner.refuseOthers("url", "detail"); err != nil {
		return Part{}, err
	}
	detail, ok, err := inner.text("detail")
	if err != nil {
		return Part{}, err
	}
	if ok && detail != "auto" && detail != "low" && detail != "high" {
		return Part{}, Invalid(inner.path("detail"), CodeInvalidValue, "Invalid value for '%s': '%s'. Supported values are: 'auto', 'low', and 'high'.", inner.path("detail"), shorten(detail))
	}
	url, ok, err := inner.text("url")
	if err != nil {
		return Part{}, err
	}
	if !ok {
		return Part{}, missing(inner.path("url"))
	}
	if scheme, _, _ := strings.Cut(url, ":"); !slices.Contains(pictureSchemes, strings.ToLower(scheme)) {
		return Part{}, Invalid(inner.path("url"), CodeInvalidImage, "Invalid '%s': expected a data: URL, as in data:image/png;base64,..., or an http: or https: one.", inner.path("url"))
	}
	return Part{ImageURL: url, Param: inner.path("url")}, nil
}
