package engine

import (
	"context"
	"sort"

	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/kv"
	"aircache.dev/aircache/runtime/sampling"
)

// Submit queues a request. When ctx ends the request is given up, wherever it is, and its pages are free. The error is a
// *RequestError, *sampling.ParamError or *LimitError (never), *QueueFullError or ErrDraining (not now), or ctx's.
func (e *Engine) Submit(ctx context.Context, r Request) (*Handle, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := r.validate(e.config); err != nil {
		return nil, err
	}
	j := &job{request: r, ctx: ctx, prompt: survey(r, e.config), span: e.config.Span(r.Tokens, r.Images), permille: int(e.Applied().TargetPermille)}
	j.observe, j.whole = e.opts.Policy.Observes(j.prompt)
	if err := e.fit(j); err != nil {
		return nil, err
	}
	if e.opts.PrefixCache.On {
		j.blocks = blocksOf(r, e.config)
	}
	j.pictures = j.pictureKeys()
	if e.opts.PrefixCache.Keep {
		j.said = make([]int32, 0, j.maxTokens)
	}
	sampler, err := sampling.New(r.Sampling, e.opts.Seed())
	if err != nil {
		return nil, err
	}
	j.sampler = sampler
	j.handle = &Handle{id: r.ID, events: make(chan Event, j.maxTokens+1), wake: e.rouse}
	j.usage = Usage{PromptTokens: len(r.Tokens), ImageTokens: len(j.prompt.Visual), KVTokensSeen: len(j.prompt.Visual)}
	j.submitted = e.opts.Clock()
	if err := e.enqueue(j); err != nil {
		return nil, err
	}
	e.rouse()
	return j.handle, nil
}

// fit decides how long the answer may be and what the request needs, or refuses what can never fit.
func (e *Engine) fit(j *job) error {
	prompt, limit := len(j.request.Tokens), e.opts.MaxModelLen
	room := limit - prompt
	if room < 1 {
		return &LimitError{Param: "messages", Limit: int64(limit - 1), Got: int64(prompt), Unit: "tokens of context"}
	}
	j.maxTokens = j.request.MaxTokens
	if j.maxTokens > room {
		return &LimitError{Param: "max_tokens", Limit: int64(limit), Got: int64(prompt + j.maxTokens), Unit: "tokens of context with the prompt"}
	}
	if least := e.need(j, j.permille, 0); least > e.shape.Pages {
		return &LimitError{Param: "messages", Limit: e.shape.Bytes(e.shape.Pages), Got: e.shape.Bytes(least), Unit: "bytes of KV cache"}
	}
	if j.maxTokens == 0 {
		j.maxTokens = 1 + sort.Search(room-1, func(i int) bool { return e.need(j, j.permille, answerRows(i+2)) > e.shape.Pages })
	}
	if need := e.need(j, j.permille, answerRows(j.maxTokens)); need > e.shape.Pages {
		return &LimitError{Param: "max_tokens", Limit: e.shape.Bytes(e.shape.Pages), Got: e.shape.Bytes(need), Unit: "bytes of KV cache with the prompt"}
	}
	return nil
}

// need is the pages that a request takes at most when it is admitted at a retention.
func (e *Engine) need(j *job, permille, answer int) int {
	d := e.demand(j, permille, answer)
	if copied, fits := e.copied(j, d); fits {
		return e.shape.Admission(copied)
	}
	return e.shape.Admission(d)
}

func (e *Engine) demand(j *job, permille, answer int) kv.Demand {
	d := kv.Demand{Rows: j.prompt.Rows, Answer: answer}
	if j.whole == "" {
		d.Visual, d.Kept = len(j.prompt.Visual), e.quota(j, permille).Total(e.config.Layers)
	}
	return d
}

func (e *Engine) quota(j *job, permille int) compress.Quota {
	return compress.Quota{Visual: len(j.prompt.Visual), Layers: e.config.Layers, Permille: permille}
}

// terms is the retention at which a request is admitted, and its pages. Where the retention has risen so far that the request
// could never fit, it keeps the one that it was submitted under. The caller holds the lock.
func (e *Engine) terms(j *job) (permille, need int) {
	permille = e.arm(j)
	if e.need(j, permille, answerRows(j.maxTokens)) > e.shape.Pages {
		permille, j.other, j.usage.Canary = j.permille, 0, false
	}
	return permille, e.need(j, permille, answerRows(e.promised(j)))
}

func (e *Engine) enqueue(j *job) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.draining {
		return ErrDraining
	}
	if !e.queue.add(j, e.opts.MaxQueue) {
		return e.full()
	}
	if e.open++; e.open == 1 {
		e.moved.note(e.opts.Clock()) // it had nothing to do before
	}
	j.unwatch = context.AfterFunc(j.ctx, e.rouse)
	return nil
}

// sweep ends the jobs whose caller is gone or has read enough.
func (e *Engine) sweep() {
	for _, j := range e.takeLeavingWaiters() {
		e.finish(j, j.leaving())
	}
	pushed, why := e.takePushed()
	for _, j := range pushed {
		e.finish(j, failed(why))
	}
	if e.filling != nil {
		if end := e.filling.job.leaving(); end.yes() {
			e.endFilling(end)
		}
	}
	e.endRunning((*job).leaving)
	e.endSwapped((*job).leaving)
}

// full is why a request is not queued. The caller holds the lock.
func (e *Engine) full() error {
	return &QueueFullError{Waiting: e.queue.size, RetryAfter: e.pace.wait(e.queue.size)}
}

// takePushed takes those who had to make room in the queue, and what they are told.
func (e *Engine) takePushed() ([]*job, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	pushed := e.queue.pushed
	e.queue.pushed = nil
	return pushed, e.full()
}

func (e *Engine) takeLeavingWaiters() []*job {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.queue.take(func(j *job) bool { return j.leaving().yes() })
}

// takeFirst takes the job whose turn it is off the queue if it can run now.
func (e *Engine) takeFirst() (j *job, permille int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.blocked = false
	if len(e.running) >= e.opts.MaxRunning {
		return nil, 0
	}
	if j = e.queue.turn(); j == nil {
		return nil, 0
	}
	permille, need := e.terms(j)
	if e.ledger.Fit(need) != kv.FitsNow {
		e.blocked = true
		return nil, 0
	}
	e.queue.admit()
	e.pace.left(e.opts.Clock(), e.queue.size)
	return j, permille
}
