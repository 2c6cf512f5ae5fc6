package openai

import (
	"bytes"
	"encoding/json"
	"slices"
)

// supported fields are read by ParseChatRequest.
var supported = []string{
	"model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "seed",
	"presence_penalty", "frequency_penalty", "stop", "stream", "stream_options", "logprobs", "top_logprobs",
}

// informative fields tell the provider who asks; they never change an answer.
var informative = []string{"user", "safety_identifier", "prompt_cache_key"}

// neutral lists OpenAI's fields that this server does not act upon, each with the
// values that ask for nothing. Any other value is refused: an answer that
// disregards the question's terms would be worse than none.
var neutral = map[string][]string{
	"n":                      {"1"},
	"response_format":        {`{"type":"text"}`},
	"tools":                  {"[]"},
	"tool_choice":            {`"none"`},
	"functions":              {"[]"},
	"function_call":          {`"none"`},
	"logit_bias":             {"{}"},
	"modalities":             {`["text"]`},
	"store":                  {"false"},
	"metadata":               {"{}"},
	"service_tier":           {`"auto"`, `"default"`},
	"parallel_tool_calls":    {},
	"audio":                  {},
	"prediction":             {},
	"reasoning_effort":       {},
	"verbosity":              {},
	"web_search_options":     {},
	"prompt_cache_retention": {},
}

func refuseUnsupported(o object, _ *ChatRequest) *Error {
	known := slices.Concat(supported, informative)
	for name := range neutral {
		known = append(known, name)
	}
	if err := o.refuseOthers(known...); err != nil {
		return err
	}
	for _, name := range sortedNames(neutral) {
		if raw, ok := o.get(name); ok && !asksForNothing(raw, neutral[name]) {
			return unsupportedValue(name, neutral[name])
		}
	}
	return nil
}

func unsupportedValue(name string, allowed []string) *Error {
	if len(allowed) == 0 {
		return Invalid(name, CodeUnsupported, "Unsupported parameter: '%s' is not supported by this server; leave it out.", name)
	}
	return Invalid(name, CodeUnsupported, "Unsupported value: this server supports only %s for '%s'.", allowed[0], name)
}

func asksForNothing(raw json.RawMessage, allowed []string) bool {
	const longest = 256 // far above every neutral value, with room for white space
	var compact bytes.Buffer
	if len(raw) > longest || json.Compact(&compact, raw) != nil {
		return false
	}
	return slices.Contains(allowed, compact.String())
}

func sortedNames(m map[string][]string) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
