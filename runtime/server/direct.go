package server

import (
	"context"

	"aircache.dev/aircache/runtime/server/openai"
)

// Answer runs one chat request without HTTP, to its end.
func (m *Model) Answer(ctx context.Context, request *openai.ChatRequest, maxImages int) (openai.Choice, openai.Usage, error) {
	if refusal := m.checkSize(request.Messages, maxImages); refusal != nil {
		return openai.Choice{}, openai.Usage{}, refusal
	}
	p, refusal := m.prepare(request.Messages)
	if refusal != nil {
		return openai.Choice{}, openai.Usage{}, refusal
	}
	engineRequest, refusal := m.forEngine("direct", request, p)
	if refusal != nil {
		return openai.Choice{}, openai.Usage{}, refusal
	}
	stream, err := m.Engine.Submit(ctx, engineRequest)
	if err != nil {
		return openai.Choice{}, openai.Usage{}, err
	}
	a := newAnswer(stream, m.Tokenizer, request, len(p.tokens), explainDirectly)
	all, refusal := a.rest(piece{})
	if refusal != nil {
		return openai.Choice{}, openai.Usage{}, refusal
	}
	return a.choice(all), a.usage(), nil
}

// explainDirectly keeps the cause: the caller owns the process, there is nothing to hide.
func explainDirectly(err error, aborted bool) *openai.Error {
	if aborted {
		return openai.Internal("the request was given up before its answer was complete")
	}
	return openai.Internal("answering: %v", err)
}
