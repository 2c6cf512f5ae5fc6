package eval

import (
	"context"
	"errors"
	"fmt"

	"aircache.dev/aircache/runtime/compress"
)

// slack is how many tokens an answer may be longer than the right one before decoding stops: it is wrong by then.
const slack = 4

// sampler answers one question under every setting.
type sampler struct {
	reader    Reader
	source    Source
	grid      []Setting
	policies  []compress.Policy
	maxTokens int
}

func (s *sampler) sample(ctx context.Context, subject Subject, task string, index int) (Record, error) {
	it, err := s.source.Item(task, index)
	if err != nil {
		return Record{}, err
	}
	maxTokens := s.maxTokens
	only, counted := it.Only()
	var want []int32
	if counted {
		if want, err = s.reader.Encode(only); err != nil {
			return Record{}, fmt.Errorf("reading the answer of %s %d: %w", task, index, err)
		}
		maxTokens = min(maxTokens, len(want)+slack)
	}
	prompt, err := s.reader.Prompt(it, maxTokens)
	if err != nil {
		return Record{}, fmt.Errorf("preparing %s %d: %w", task, index, err)
	}
	c, err := subject.Ask(ctx, prompt, s.policies...)
	if err != nil {
		return Record{}, fmt.Errorf("asking %s %d: %w", task, index, err)
	}
	outcomes, err := c.Run(s.grid)
	if err := errors.Join(err, c.Close()); err != nil {
		return Record{}, fmt.Errorf("answering %s %d: %w", task, index, err)
	}
	record := Record{Task: task, Index: index, PromptTokens: len(prompt.Tokens)}
	for i, out := range outcomes {
		trial := Trial{Policy: s.grid[i].Name, Permille: s.grid[i].Permille, Text: s.reader.Decode(out.Tokens), Measures: out.Measures.round()}
		trial.Score = round(it.Metric.Score(trial.Text, it.Accepted))
		if counted {
			share := round(TokenAccuracy(out.Tokens, want))
			trial.Tokens = &share
		}
		record.PrefillSeconds, record.KVBytesFull = round(out.PrefillSeconds), out.KVBytesFull
		record.Answers = append(record.Answers, trial)
	}
	return record, nil
}
