package engine

import (
	"sync/atomic"

	"aircache.dev/aircache/runtime/sampling"
)

// FinishReason says why an answer ended.
type FinishReason string

// The reasons, in OpenAI's words; abort and error are ours.
const (
	FinishStop   FinishReason = "stop"   // the model ended its answer, a stop id came, or the caller called Stop
	FinishLength FinishReason = "length" // max tokens
	FinishAbort  FinishReason = "abort"  // the caller's context ended, or the engine shut down
	FinishError  FinishReason = "error"  // see Event.Err
)

// Event is one token, or the end of the answer. The end carries no token.
type Event struct {
	Token   int32
	LogProb float32
	Top     []sampling.Alternative

	Finish FinishReason // empty: this is a token
	Err    error        // with FinishError

	// Usage comes with the first event (what the prompt's prefill and compression did) and with the last.
	Usage *Usage
}

// Usage is what one request took. Bytes are those of whole pages.
type Usage struct {
	PromptTokens     int // ImageTokens included
	ImageTokens      int
	CachedTokens     int // of the prompt: rows that another request's prompt left, and that were not computed again
	CompletionTokens int // the token that ended the answer included

	RetentionPermille int     // applied to this request
	Canary            bool    // the retention is one on trial, which a share of the requests gets
	KVTokensSeen      int     // visual tokens in the prompt
	KVTokensKept      float64 // visual tokens kept, mean over the layers
	KVBytesFull       int64   // the prompt's cache before compression
	KVBytesKept       int64   // and after it

	// Where a device compresses by itself, recall and curve are worked out meanwhile: the first event has 0 and none.
	Recall      float64         // share of the importance that was kept, mean over the layers; 1 where nothing was evicted
	RecallCurve map[int]float64 // retention in percent -> recall; empty where nothing was scored
	Elite       int             // rows of the observation window, mean over the layers
	KeptWhole   string          // why a retention under 1000 evicted nothing; empty otherwise

	QueueSeconds, PrefillSeconds, CompressSeconds float64 // PrefillSeconds: until the first token, decode steps between chunks included
}

// Handle is a submitted request.
type Handle struct {
	id     string
	events chan Event
	halted atomic.Bool
	wake   func()
}

// ID is the request's.
func (h *Handle) ID() string { return h.id }

// Events has room for the whole answer, so a reader may be as slow as it likes. It is closed after the event that has Finish.
func (h *Handle) Events() <-chan Event { return h.events }

// Stop ends the answer with FinishStop: the caller has read enough of it, for example a stop string. Its pages are free
// before the next step. To abort a request, end its context.
func (h *Handle) Stop() {
	h.halted.Store(true)
	h.wake()
}
