package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/model"
)

// longRepeat bounds the repeats of what takes long.
func (b *Bench) longRepeat() int { return min(b.Options.Repeat, 7) }

// prefill measures prompts of random text: the decoder does the same for a picture's rows.
func (b *Bench) prefill(ctx context.Context) error {
	most := 0
	for _, n := range b.Options.Tokens {
		most = max(most, n)
	}
	pages := b.config.Layers * backend.Pages(most)
	if need := int64(pages) * int64(backend.PageTokens) * int64(b.config.KVBytesPerTokenLayer); need > b.Options.PoolBytes {
		return fmt.Errorf("a prompt of %d tokens needs a cache of %d bytes, the pool has %d", most, need, b.Options.PoolBytes)
	}
	if err := b.reserve(pages, 1, most); err != nil {
		return err
	}
	for _, n := range b.Options.Tokens {
		p := model.Prompt{Tokens: b.words(b.chance(4), n), Slot: 0}
		d := newDeck(pages, b.chance(5))
		for range b.config.Layers {
			kv := d.deal(n, 0)
			kv.Len = 0
			p.KV.Layers = append(p.KV.Layers, kv)
		}
		values, err := b.times(ctx, b.longRepeat(), milliseconds, func() (time.Duration, error) { return b.prompt(p, n) })
		if err != nil {
			return fmt.Errorf("%d tokens: %w", n, err)
		}
		b.note(Case{What: "prefill", Metric: "prompt", Tokens: n}, values, b.counter.Prefill(n), "")
	}
	return nil
}

// prompt is the time from a prompt to its first token.
func (b *Bench) prompt(p model.Prompt, rows int) (time.Duration, error) {
	start := b.Options.Clock()
	if err := b.Model.Begin(p); err != nil {
		return 0, err
	}
	for {
		end, left, err := b.Model.Advance(rows)
		if err != nil {
			return 0, err
		}
		if left > 0 {
			continue
		}
		_, err = b.Model.Take(end)
		return b.Options.Clock().Sub(start), err
	}
}

// words are random tokens that are no picture's and end nothing.
func (b *Bench) words(random *rand.Rand, n int) []int32 {
	tokens := make([]int32, n)
	for i := range tokens {
		for {
			tokens[i] = random.Int32N(int32(b.config.Vocab))
			if tokens[i] != b.config.ImageToken && !b.ends(tokens[i]) {
				break
			}
		}
	}
	return tokens
}

func (b *Bench) ends(token int32) bool {
	for _, id := range b.config.EOS {
		if id == token {
			return true
		}
	}
	return false
}
