package server

import (
	"fmt"

	"aircache.dev/aircache/runtime/sampling"
)

// Defaults hold where a request leaves a field out. They come from the model's
// generation_config.json; without one they are OpenAI's (temperature 1, top_p 1).
type Defaults struct {
	Temperature float64
	TopP        float64
	TopK        int
	MaxTokens   int // of an answer; 0: what is left of the context
}

// Check refuses defaults that no request could have asked for.
func (d Defaults) Check() error {
	if d.MaxTokens < 0 {
		return fmt.Errorf("generation_config.json: max_new_tokens is %d, it must not be negative", d.MaxTokens)
	}
	if err := (sampling.Params{Temperature: d.Temperature, TopP: d.TopP, TopK: d.TopK}).Validate(); err != nil {
		return fmt.Errorf("generation_config.json: %w", err)
	}
	return nil
}
