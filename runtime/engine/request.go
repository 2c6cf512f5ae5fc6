package engine

import (
	"fmt"

	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/model"
	"aircache.dev/aircache/runtime/sampling"
)

// Request is one prompt and how to answer it.
type Request struct {
	ID        string
	Tokens    []int32        // each picture's token already repeated to its visual rows
	Images    []image.Pixels // in the order of the prompt
	MaxTokens int            // 0: as many as the context and the cache allow
	Sampling  sampling.Params
	StopIDs   []int32 // beside the model's own end tokens
	Tenant    string  // who asks: cached prompts are never shared between tenants, and the queue is fair between them
}

// validate checks what needs no knowledge of the engine's state.
func (r Request) validate(c model.Config) error {
	if len(r.Tokens) == 0 {
		return &RequestError{Param: "messages", Reason: "the prompt has no tokens"}
	}
	visual := 0
	for i, id := range r.Tokens {
		if id != c.ImageToken && (id < 0 || int(id) >= c.Vocab) {
			return &RequestError{Param: "messages", Reason: fmt.Sprintf("token %d of the prompt is %d, the vocabulary has %d", i, id, c.Vocab)}
		}
		if id == c.ImageToken {
			visual++
		}
	}
	want := 0
	for _, picture := range r.Images {
		want += c.Rows(picture)
	}
	if visual != want {
		return &RequestError{Param: "messages", Reason: fmt.Sprintf("the prompt has %d picture tokens, its %d pictures need %d", visual, len(r.Images), want)}
	}
	if r.MaxTokens < 0 {
		return &RequestError{Param: "max_tokens", Reason: fmt.Sprintf("max_tokens is %d, it must not be negative", r.MaxTokens)}
	}
	return r.Sampling.Validate()
}
