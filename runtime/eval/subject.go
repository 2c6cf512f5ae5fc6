package eval

import (
	"context"

	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/image"
)

// Subject is one instance of a model under test. It belongs to one goroutine.
type Subject interface {
	// Ask prefills a prompt once and keeps what the policies need to decide.
	Ask(ctx context.Context, p Prompt, need ...compress.Policy) (Case, error)
	Close() error
}

// Case is a prefilled prompt.
type Case interface {
	// Run decodes it greedily once a setting, its cache compressed as the setting says.
	Run(settings []Setting) ([]Outcome, error)
	Close() error
}

// Setting is one way to compress the cache.
type Setting struct {
	Name     string // of the policy, with its options
	Policy   compress.Policy
	Permille int // of the visual tokens to keep
}

// Prompt is a question as a model takes it.
type Prompt struct {
	Tokens    []int32
	Images    []image.Pixels
	MaxTokens int
}

// Outcome is an answer, its end-of-turn token left off, and what it took.
type Outcome struct {
	Tokens         []int32
	PrefillSeconds float64
	KVBytesFull    int64
	Measures
}

// Reader makes questions into prompts and tokens into text; many goroutines may use it.
type Reader interface {
	Prompt(it Item, maxTokens int) (Prompt, error)
	Encode(text string) ([]int32, error)
	Decode(tokens []int32) string
}
