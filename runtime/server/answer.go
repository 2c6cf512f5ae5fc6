package server

import (
	"errors"
	"math"
	"strings"

	"aircache.dev/aircache/runtime/engine"
	"aircache.dev/aircache/runtime/server/openai"
)

var errEndedEarly = errors.New("the engine ended a request without a reason")

// answer turns an engine's events into text: characters whole, stop strings cut off.
type answer struct {
	stream    Stream
	tokenizer Tokenizer
	words     TokenStream
	stop      *openai.StopMatcher
	explain   func(error, bool) *openai.Error // what to tell the client of a failure or an abort

	wantLogProbs bool
	pending      []pendingLogProb // tokens whose text is held back
	pushed       int              // bytes of text made so far
	released     int              // of which given out

	promptTokens int
	tokens       int // of the answer, the one that ended it included
	finish       string
	account      *engine.Usage // of the engine; nil before its first event
}

func newAnswer(stream Stream, tokenizer Tokenizer, request *openai.ChatRequest, promptTokens int, explain func(error, bool) *openai.Error) *answer {
	return &answer{stream: stream, tokenizer: tokenizer, words: tokenizer.NewStream(), stop: openai.NewStopMatcher(request.Stop),
		wantLogProbs: request.LogProbs, promptTokens: promptTokens, explain: explain}
}

// piece is text that is certain, with the tokens that begin in it.
type piece struct {
	text     string
	logprobs []openai.TokenLogProb
}

type pendingLogProb struct {
	start int // where the token's text begins in the answer
	entry openai.TokenLogProb
}

func (a *answer) ended() bool { return a.finish != "" }

// next waits for the next event. Its text is often empty: a character or a stop string may be incomplete.
func (a *answer) next() (piece, *openai.Error) {
	event, open := <-a.stream.Events()
	if event.Usage != nil {
		a.account = event.Usage
	}
	switch {
	case !open:
		return piece{}, a.explain(errEndedEarly, false)
	case event.Finish == "":
		return a.pushToken(event), nil
	case event.Finish == engine.FinishStop, event.Finish == engine.FinishLength:
		a.finish = string(event.Finish)
		if a.account != nil {
			a.tokens = a.account.CompletionTokens // with the token that ended the answer and has no text
		}
		return a.pushText(a.words.Flush(), true), nil
	default:
		return piece{}, a.explain(event.Err, event.Finish == engine.FinishAbort)
	}
}

// rest reads to the end and joins it to what came first.
func (a *answer) rest(first piece) (piece, *openai.Error) {
	var text strings.Builder
	text.WriteString(first.text)
	logprobs := first.logprobs
	for !a.ended() {
		more, refusal := a.next()
		if refusal != nil {
			return piece{}, refusal
		}
		text.WriteString(more.text)
		logprobs = append(logprobs, more.logprobs...)
	}
	return piece{text.String(), logprobs}, nil
}

func (a *answer) choice(all piece) openai.Choice {
	return openai.Choice{Message: openai.Answer{Role: "assistant", Content: all.text}, LogProbs: a.logProbs(all.logprobs), FinishReason: a.finish}
}

func (a *answer) pushToken(event engine.Event) piece {
	a.tokens++
	if a.wantLogProbs {
		a.pending = append(a.pending, pendingLogProb{a.pushed, a.tokenLogProb(event)})
	}
	return a.pushText(a.words.Push(event.Token), false)
}

func (a *answer) pushText(text string, last bool) piece {
	a.pushed += len(text)
	certain, stopped := a.stop.Push(text)
	if stopped {
		a.finish = openai.FinishStop
		a.collectUsage()
	} else if last {
		certain += a.stop.Flush()
	}
	a.released += len(certain)
	return piece{certain, a.releaseLogProbs(stopped)}
}

// releaseLogProbs gives out the tokens that begin in released text. What a stop
// string cut off is dropped; a token without text of its own goes with the text around it.
func (a *answer) releaseLogProbs(stopped bool) []openai.TokenLogProb {
	var out []openai.TokenLogProb
	for len(a.pending) > 0 && (a.pending[0].start < a.released || !stopped && a.released == a.pushed) {
		out = append(out, a.pending[0].entry)
		a.pending = a.pending[1:]
	}
	return out
}

// collectUsage ends the engine's work after a stop string and waits for its account of it.
func (a *answer) collectUsage() {
	a.stream.Stop()
	for event := range a.stream.Events() {
		if event.Usage != nil {
			a.account = event.Usage
		}
	}
}

func (a *answer) usage() openai.Usage {
	u := openai.Usage{PromptTokens: a.promptTokens, CompletionTokens: a.tokens, TotalTokens: a.promptTokens + a.tokens}
	if f := a.account; f != nil {
		u.PromptDetails.ImageTokens, u.PromptDetails.CachedTokens = f.ImageTokens, f.CachedTokens
		u.AirCache = &openai.AirCache{RetentionPermille: f.RetentionPermille, VisualTokens: f.KVTokensSeen, VisualTokensKept: int(math.Round(f.KVTokensKept)),
			KVBytesFull: f.KVBytesFull, KVBytesKept: f.KVBytesKept, Recall: f.Recall}
	}
	return u
}

func (a *answer) tokenLogProb(event engine.Event) openai.TokenLogProb {
	entry := a.describeToken(event.Token, event.LogProb)
	for _, other := range event.Top {
		entry.Top = append(entry.Top, a.describeToken(other.Token, other.LogProb))
	}
	return entry
}

func (a *answer) describeToken(id int32, logprob float32) openai.TokenLogProb {
	text := a.tokenizer.Decode([]int32{id}, false)
	entry := openai.TokenLogProb{Token: text, LogProb: max(logprob, openai.LowestLogProb), Top: []openai.TokenLogProb{}}
	for _, b := range []byte(text) {
		entry.Bytes = append(entry.Bytes, int(b))
	}
	return entry
}

// logProbs is null unless the request asked for it.
func (a *answer) logProbs(entries []openai.TokenLogProb) *openai.LogProbs {
	if !a.wantLogProbs {
		return nil
	}
	return &openai.LogProbs{Content: append([]openai.TokenLogProb{}, entries...)}
}
