package openai

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"unicode/utf8"
)

// Limits of a request that hold for every model.
const (
	MaxMessages       = 1024
	MaxParts          = 1024 // of one message
	MaxStops          = 4
	MaxStopCharacters = 512
	MaxTopLogProbs    = 20
	MaxTokensCeiling  = math.MaxInt32
)

// ChatRequest is a chat completion request whose fields were judged one by one.
// Nil pointers were left out: the server's defaults hold.
type ChatRequest struct {
	Model        string
	Messages     []Message
	Stream       bool
	IncludeUsage bool   // a last chunk with the usage
	MaxTokens    *int64 // of the answer
	Temperature  *float64
	TopP         *float64
	TopK         *int64 // extension: 0 or -1 is off
	Seed         *int64
	Presence     *float64
	Frequency    *float64
	Stop         []string
	LogProbs     bool
	TopLogProbs  int
}

// ParseChatRequest reads the body of POST /v1/chat/completions.
func ParseChatRequest(body []byte) (*ChatRequest, *Error) {
	body = bytes.TrimSpace(body)
	if !json.Valid(body) {
		return nil, Invalid("", CodeInvalidJSON, "We could not parse the JSON body of your request: %s.", syntaxProblem(body))
	}
	if body[0] != '{' {
		return nil, Invalid("", CodeInvalidJSON, "The body of your request must be a JSON object, but it is %s.", kindOf(body))
	}
	o, err := parseObject("", body)
	if err != nil {
		return nil, err
	}
	r := &ChatRequest{}
	for _, read := range []func(object, *ChatRequest) *Error{
		refuseUnsupported, readModel, readMessages, readLength, readSampling, readStop, readStreaming, readLogProbs,
	} {
		if err := read(o, r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func syntaxProblem(body []byte) string {
	if len(body) == 0 {
		return "the body is empty"
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return err.Error()
	}
	return "it is not valid JSON"
}

func readModel(o object, r *ChatRequest) *Error {
	model, ok, err := o.text("model")
	if err == nil && (!ok || model == "") {
		err = missing("model")
	}
	r.Model = model
	return err
}

func readMessages(o object, r *ChatRequest) *Error {
	if _, ok := o.get("messages"); !ok {
		return missing("messages")
	}
	elements, err := o.list("messages", MaxMessages, "message")
	if err != nil {
		return err
	}
	for i, raw := range elements {
		m, err := parseMessage(fmt.Sprintf("messages[%d]", i), raw)
		if err != nil {
			return err
		}
		r.Messages = append(r.Messages, m)
	}
	return nil
}

// readLength reads the two names that OpenAI has for the answer's longest length.
func readLength(o object, r *ChatRequest) *Error {
	older, err := o.integer("max_tokens", 1, MaxTokensCeiling)
	if err != nil {
		return err
	}
	newer, err := o.integer("max_completion_tokens", 1, MaxTokensCeiling)
	if err != nil {
		return err
	}
	if older != nil && newer != nil {
		return Invalid("max_tokens", CodeInvalidValue, "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
	}
	r.MaxTokens = newer
	if newer == nil {
		r.MaxTokens = older
	}
	return nil
}

func readSampling(o object, r *ChatRequest) (err *Error) {
	if r.Temperature, err = o.number("temperature", 0, 2); err != nil {
		return err
	}
	if r.TopP, err = o.number("top_p", 0, 1); err != nil {
		return err
	}
	if r.TopP != nil && *r.TopP == 0 {
		return Invalid("top_p", CodeInvalidValue, "Invalid value for 'top_p': it must be above 0 and at most 1, but got 0.")
	}
	if r.TopK, err = o.integer("top_k", -1, math.MaxInt32); err != nil {
		return err
	}
	if r.Seed, err = o.integer("seed", math.MinInt64, math.MaxInt64); err != nil {
		return err
	}
	if r.Presence, err = o.number("presence_penalty", -2, 2); err != nil {
		return err
	}
	r.Frequency, err = o.number("frequency_penalty", -2, 2)
	return err
}

func readStop(o object, r *ChatRequest) *Error {
	raw, ok := o.get("stop")
	if !ok {
		return nil
	}
	elements := []json.RawMessage{raw}
	if raw[0] == '[' {
		elements = elements[:0]
		eachElement(raw, func(value []byte) bool {
			elements = append(elements, value)
			return len(elements) <= MaxStops
		})
	}
	if len(elements) > MaxStops {
		return Invalid("stop", CodeInvalidValue, "Invalid 'stop': it must have at most %d strings, but got more.", MaxStops)
	}
	for _, element := range elements {
		if element[0] != '"' {
			return wrongType("stop", "a string or an array of strings", raw)
		}
		r.Stop = append(r.Stop, unquote(element))
	}
	for i, s := range r.Stop {
		if n := utf8.RuneCountInString(s); n == 0 || n > MaxStopCharacters {
			return Invalid("stop", CodeInvalidValue, "Invalid 'stop[%d]': it must have from 1 to %d characters, but got %d.", i, MaxStopCharacters, n)
		}
	}
	return nil
}

func readStreaming(o object, r *ChatRequest) (err *Error) {
	if r.Stream, err = o.boolean("stream"); err != nil {
		return err
	}
	raw, ok := o.get("stream_options")
	if !ok {
		return nil
	}
	if !r.Stream {
		return Invalid("stream_options", CodeInvalidValue, "The 'stream_options' parameter is only allowed when 'stream' is true.")
	}
	options, err := parseObject("stream_options", raw)
	if err != nil {
		return err
	}
	if r.IncludeUsage, err = options.boolean("include_usage"); err != nil {
		return err
	}
	return options.refuseOthers("include_usage")
}

func readLogProbs(o object, r *ChatRequest) (err *Error) {
	if r.LogProbs, err = o.boolean("logprobs"); err != nil {
		return err
	}
	top, err := o.integer("top_logprobs", 0, MaxTopLogProbs)
	if err != nil || top == nil {
		return err
	}
	if !r.LogProbs {
		return Invalid("top_logprobs", CodeInvalidValue, "The 'top_logprobs' parameter is only allowed when 'logprobs' is true.")
	}
	r.TopLogProbs = int(*top)
	return nil
}
