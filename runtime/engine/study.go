package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/kv"
	"aircache.dev/aircache/runtime/model"
)

// Study runs a prompt once and answers it under many settings, to compare policies: what the papers do. It has no queue and
// no goroutine; the caller owns the device. It needs pages for the prompt's whole cache and for the settings' copies.
type Study struct {
	model  Model
	config model.Config
	shape  kv.Shape
	pool   *kv.Pool
	clock  func() time.Time
	chunk  int // rows of a layer prefilled at once; 0: all
}

// studiedAtOnce is how many settings decode together.
const studiedAtOnce = 64

// NewStudy allocates the page pool in the backend.
func NewStudy(m Model, kvBytes int64, clock func() time.Time) (*Study, error) {
	config := m.Config()
	shape, err := kv.ShapeFor(kvBytes, config.Layers, backend.PageTokens, int64(config.KVBytesPerTokenLayer))
	if err != nil {
		return nil, fmt.Errorf("starting a study: %w", err)
	}
	if err := m.Reserve(model.Capacity{Pages: shape.Pages, Sequences: studiedAtOnce, Rows: config.MaxPosition}); err != nil {
		return nil, fmt.Errorf("starting a study: %w", err)
	}
	return &Study{model: m, config: config, shape: shape, pool: kv.NewPool(shape), clock: clock}, nil
}

// Prompt prefills a prompt, answers it greedily with its full cache, and lets the given policies rank its rows;
// only they can be run later, and they are known by their values: AirCache with other options is another policy. Close the
// case before the next prompt where memory is short.
func (s *Study) Prompt(ctx context.Context, tokens []int32, images []image.Pixels, maxTokens int, need ...compress.Policy) (*Case, error) {
	r := Request{Tokens: tokens, Images: images, MaxTokens: maxTokens}
	if err := r.validate(s.config); err != nil {
		return nil, err
	}
	if limit := s.config.MaxPosition; maxTokens < 1 || len(tokens)+maxTokens > limit {
		return nil, fmt.Errorf("studying a prompt of %d tokens: %d new ones were asked for, from 1 to %d are possible", len(tokens), maxTokens, limit-len(tokens))
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := &Case{study: s, ctx: ctx, prompt: survey(r, s.config), maxTokens: maxTokens,
		full: s.pool.NewSequence(), judged: map[compress.Policy]*judgement{}}
	if err := c.prefill(r, need); err != nil {
		return nil, fmt.Errorf("studying a prompt of %d tokens: %w", len(tokens), withCleanup(err, c.Close))
	}
	return c, nil
}

func (c *Case) prefill(r Request, need []compress.Policy) error {
	m, start := c.study.model, c.study.clock()
	visual, err := m.EncodeImages(r.Images)
	if err != nil {
		return fmt.Errorf("encoding %d pictures: %w", len(r.Images), err)
	}
	defer visual.Release()
	if err := c.full.Room(len(r.Tokens)); err != nil {
		return err
	}
	p := model.Prompt{Tokens: r.Tokens, Visual: visual, KV: viewOf(c.full), Observe: c.observe(need), Watcher: c, Slot: backend.NoSlot}
	logits, err := model.PrefillWhole(m, cmp.Or(c.study.chunk, len(p.Tokens)), p)
	if err != nil {
		return err
	}
	c.full.Wrote(len(r.Tokens))
	c.full.Position = c.study.config.Span(r.Tokens, r.Images)
	c.prefillSeconds = (c.study.clock().Sub(start) - c.judging).Seconds()
	return c.answerFull(logits)
}

// observe asks each policy what it wants to see, and returns all of it.
func (c *Case) observe(need []compress.Policy) (rows []int32) {
	for _, policy := range slices.Concat(need, []compress.Policy{compress.Full{}}) {
		j := &judgement{}
		j.observe, j.whole = policy.Observes(c.prompt)
		c.judged[policy] = j
		rows = append(rows, j.observe...)
	}
	slices.Sort(rows)
	return slices.Compact(rows)
}
