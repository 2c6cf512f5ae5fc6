package server

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"

	"aircache.dev/aircache/runtime/engine"
	"aircache.dev/aircache/runtime/sampling"
	"aircache.dev/aircache/runtime/server/openai"
)

// retentionHeader tells which retention a request ran with, also where nobody reads the usage.
const retentionHeader = "X-AirCache-Retention-Permille"

func (s *Server) chatCompletions(w http.ResponseWriter, r *http.Request) {
	if err := s.state.enter(); err != nil {
		writeError(w, err)
		return
	}
	defer s.state.leave()
	m := s.model.Load()
	request, answer, refusal := s.accept(w, r, m)
	if refusal != nil {
		writeError(w, refusal)
		return
	}
	// Nothing is sent before the engine's first event: until then an error can still be a status.
	first, refusal := answer.next()
	if refusal != nil {
		writeError(w, refusal)
		return
	}
	if answer.account != nil {
		w.Header().Set(retentionHeader, strconv.Itoa(answer.account.RetentionPermille))
	}
	head := reply{id: "chatcmpl-" + requestID(r.Context()), model: s.opts.ServedName, created: s.now().Unix()}
	if request.Stream {
		s.stream(w, head, request, answer, first)
		return
	}
	s.reply(w, head, answer, first)
}

// logAnswer tells what a request cost; never what was asked or answered.
func (s *Server) logAnswer(id string, a *answer) {
	u := a.usage()
	attrs := []any{"id", id, "finish", a.finish, "promptTokens", u.PromptTokens, "completionTokens", u.CompletionTokens}
	if u.AirCache != nil {
		attrs = append(attrs, "imageTokens", u.PromptDetails.ImageTokens, "retentionPermille", u.AirCache.RetentionPermille,
			"visualTokensKept", u.AirCache.VisualTokensKept, "recall", u.AirCache.Recall)
	}
	s.log.Info("answered", attrs...)
}

// reply is what every chunk or completion of one answer repeats.
type reply struct {
	id, model string
	created   int64
}

// accept reads a request's body and queues the request. The body's memory is free when its prompt is prepared.
func (s *Server) accept(w http.ResponseWriter, r *http.Request, m *Model) (*openai.ChatRequest, *answer, *openai.Error) {
	read, refusal := s.readBody(w, r)
	if refusal != nil {
		return nil, nil, refusal
	}
	defer read.free()
	return s.submit(r.Context(), m, read.bytes)
}

// submit judges a request, prepares its prompt within the workers' bound, and queues it.
func (s *Server) submit(ctx context.Context, m *Model, body []byte) (*openai.ChatRequest, *answer, *openai.Error) {
	request, refusal := openai.ParseChatRequest(body)
	if refusal != nil {
		return nil, nil, refusal
	}
	if request.Model != s.opts.ServedName {
		return nil, nil, openai.ModelNotFound(request.Model, s.opts.ServedName)
	}
	if refusal = m.checkSize(request.Messages, s.opts.MaxImages); refusal != nil {
		return nil, nil, refusal
	}
	fetched, refusal := s.fetchPictures(ctx, request.Messages)
	if refusal != nil {
		return nil, nil, refusal
	}
	defer fetched.free()
	var p prompt
	refusal = s.workers.do(ctx, func() (err *openai.Error) {
		start := s.now()
		defer func() { s.metrics.prepareSeconds.Observe(s.now().Sub(start).Seconds()) }()
		p, err = m.prepare(request.Messages)
		return err
	})
	if refusal != nil {
		return nil, nil, refusal
	}
	engineRequest, refusal := m.forEngine(requestID(ctx), request, p)
	if refusal != nil {
		return nil, nil, refusal
	}
	engineRequest.Tenant = tenantOf(ctx)
	stream, err := m.Engine.Submit(ctx, engineRequest)
	if err != nil {
		return nil, nil, s.engineError(err)
	}
	return request, newAnswer(stream, m.Tokenizer, request, len(p.tokens), s.explain), nil
}

// forEngine fills in the defaults and holds the answer's length against the context.
func (m *Model) forEngine(id string, r *openai.ChatRequest, p prompt) (engine.Request, *openai.Error) {
	room := m.MaxModelLen - len(p.tokens)
	maxTokens := min(room, m.Defaults.MaxTokens) // 0: the engine takes what context and cache allow
	if r.MaxTokens != nil {
		if *r.MaxTokens > int64(room) {
			return engine.Request{}, openai.Invalid("max_tokens", openai.CodeContextLength,
				"This model's maximum context length is %d tokens; your messages take %d and the answer may take %d: lower 'max_tokens' to %d at most.",
				m.MaxModelLen, len(p.tokens), *r.MaxTokens, room)
		}
		maxTokens = int(*r.MaxTokens)
	}
	return engine.Request{ID: id, Tokens: p.tokens, Images: p.images, MaxTokens: maxTokens, Sampling: sampling.Params{
		Temperature: or(r.Temperature, m.Defaults.Temperature),
		TopP:        or(r.TopP, m.Defaults.TopP),
		TopK:        max(0, int(or(r.TopK, int64(m.Defaults.TopK)))),
		Seed:        r.Seed,
		TopLogProbs: r.TopLogProbs,

		PresencePenalty:  or(r.Presence, 0),
		FrequencyPenalty: or(r.Frequency, 0),
	}}, nil
}

func or[T any](given *T, otherwise T) T {
	if given == nil {
		return otherwise
	}
	return *given
}

// explain is what a client is told of an answer that ended before its end.
func (s *Server) explain(err error, aborted bool) *openai.Error {
	switch {
	case aborted && s.state.Draining():
		return openai.Busy(openai.CodeDraining, drainRetrySeconds, "The server shut down before the answer was complete; ask again.")
	case aborted:
		return openai.ClientGone()
	default:
		return s.engineError(err)
	}
}

// engineError turns the engine's refusals into statuses; what it does not know is a 500, with the cause in the log only.
func (s *Server) engineError(err error) *openai.Error {
	var limit *engine.LimitError
	var request *engine.RequestError
	var param *sampling.ParamError
	switch {
	case errors.As(err, &limit):
		return openai.Invalid(limit.Param, openai.CodeContextLength, "The request cannot fit: %v.", limit)
	case errors.As(err, &request):
		return openai.Invalid(request.Param, openai.CodeInvalidValue, "The request is not valid: %v.", request)
	case errors.As(err, &param):
		return openai.Invalid(param.Param, openai.CodeInvalidValue, "Invalid value: %v.", param)
	case errors.Is(err, engine.ErrQueueFull):
		return openai.Busy(openai.CodeQueueFull, retrySeconds(err), "The queue is full; try again.")
	case errors.Is(err, engine.ErrDraining):
		return openai.Busy(openai.CodeDraining, drainRetrySeconds, "The server is shutting down; another one will answer.")
	case errors.Is(err, context.Canceled):
		return openai.ClientGone()
	default:
		s.log.Error("the engine failed on a request", "reason", err)
		return openai.Internal("The engine failed on this request.")
	}
}

// retrySeconds is what the engine knows of its queue, in whole seconds.
func retrySeconds(err error) int {
	var full *engine.QueueFullError
	if !errors.As(err, &full) {
		return queueRetrySeconds
	}
	return int(math.Ceil(full.RetryAfter.Seconds()))
}

func (s *Server) reply(w http.ResponseWriter, head reply, a *answer, first piece) {
	all, refusal := a.rest(first)
	if refusal != nil {
		w.Header().Del(retentionHeader)
		writeError(w, refusal)
		return
	}
	s.logAnswer(head.id, a)
	s.limitWriting(w)
	writeJSON(w, http.StatusOK, openai.Completion{
		ID: head.id, Object: "chat.completion", Created: head.created, Model: head.model, Usage: a.usage(), Choices: []openai.Choice{a.choice(all)},
	})
}
