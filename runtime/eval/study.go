package eval

import (
	"context"
	"time"

	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/engine"
)

// NewSubject puts a loaded model to the test; kvBytes holds the prompt's cache and as many compressed copies as decode at once.
// Closing the subject calls release.
func NewSubject(m engine.Model, kvBytes int64, clock func() time.Time, release func() error) (Subject, error) {
	study, err := engine.NewStudy(m, kvBytes, clock)
	if err != nil {
		return nil, err
	}
	return subject{study, release}, nil
}

type subject struct {
	study   *engine.Study
	release func() error
}

func (s subject) Ask(ctx context.Context, p Prompt, need ...compress.Policy) (Case, error) {
	c, err := s.study.Prompt(ctx, p.Tokens, p.Images, p.MaxTokens, need...)
	if err != nil {
		return nil, err
	}
	return studyCase{c}, nil
}

func (s subject) Close() error { return s.release() }

type studyCase struct{ *engine.Case }

func (c studyCase) Run(settings []Setting) ([]Outcome, error) {
	asked := make([]engine.Setting, len(settings))
	for i, s := range settings {
		asked[i] = engine.Setting{Policy: s.Policy, Permille: s.Permille}
	}
	found, err := c.RunAll(asked...)
	if err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, len(found))
	for i, o := range found {
		outcomes[i] = Outcome{Tokens: o.Tokens, PrefillSeconds: o.PrefillSeconds, KVBytesFull: o.KVBytesFull, Measures: Measures{Recall: o.Recall, Agreement: o.Agreement,
			KL: o.KL, KVBytes: o.KVBytesKept, PeakBytes: o.PeakBytes, CompressSeconds: o.CompressSeconds}}
	}
	return outcomes, nil
}
