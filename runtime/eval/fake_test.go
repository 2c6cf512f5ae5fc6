package eval

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"aircache.dev/aircache/runtime/compress"
)

// quiz asks "a 0", "a 1" ... and wants the same words back.
type quiz struct{ tasks []string }

func (q quiz) Tasks() []string { return q.tasks }

func (q quiz) Len(task string) int {
	if task == "short" {
		return 2
	}
	return 0
}

func (q quiz) Item(task string, index int) (Item, error) {
	text := fmt.Sprintf("%s %d", task, index)
	return Item{Task: task, Index: index, Question: text, Accepted: []string{text}, Metric: Exact}, nil
}

// letters is a reader whose tokens are the bytes of the text.
type letters struct{}

func (letters) Prompt(it Item, maxTokens int) (Prompt, error) {
	tokens, err := letters{}.Encode(it.Question)
	return Prompt{Tokens: tokens, MaxTokens: maxTokens}, err
}

func (letters) Encode(text string) (tokens []int32, err error) {
	for _, b := range []byte(text) {
		tokens = append(tokens, int32(b))
	}
	return tokens, nil
}

func (letters) Decode(tokens []int32) string {
	var b strings.Builder
	for _, t := range tokens {
		b.WriteByte(byte(t))
	}
	return b.String()
}

// parrot repeats the question; under compression it forgets the last token of odd ones.
type parrot struct {
	mu     sync.Mutex
	asked  int
	failAt int // this question breaks it
	stop   func()
}

var errBroken = errors.New("the device is gone")

func (p *parrot) Ask(ctx context.Context, prompt Prompt, _ ...compress.Policy) (Case, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if p.asked == p.failAt {
		return nil, errBroken
	}
	if p.stop != nil && p.asked == 3 {
		p.stop()
	}
	return echo{prompt.Tokens}, ctx.Err()
}

func (p *parrot) Close() error { return nil }

type echo struct{ tokens []int32 }

func (e echo) Run(settings []Setting) (all []Outcome, err error) {
	for _, s := range settings {
		out := Outcome{Tokens: e.tokens, PrefillSeconds: 2, KVBytesFull: 1000, Measures: Measures{Recall: 1, Agreement: 1, KVBytes: 1000}}
		if last := len(e.tokens) - 1; s.Permille < compress.Everything {
			out.KVBytes = int64(s.Permille)
			if e.tokens[last]%2 == 1 {
				out.Tokens = e.tokens[:last]
			}
		}
		all = append(all, out)
	}
	return all, nil
}

func (e echo) Close() error { return nil }
