package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/engine"
	"aircache.dev/aircache/runtime/image"
)

// serving lets work use an engine over the model, and ends the engine.
func (b *Bench) serving(ctx context.Context, permille, running int, told engine.Recorder, work func(*engine.Engine) error) error {
	e, err := engine.New(b.Model, engine.Options{
		Policy: compress.AirCache{Options: b.Options.Policy}, RetentionPermille: int32(permille),
		Bounds:  control.Bounds{FloorPermille: control.MinPermille, CeilingPermille: control.MaxPermille},
		KVBytes: b.Options.PoolBytes, MaxModelLen: b.config.MaxPosition, MaxQueue: max(b.Options.Requests, b.Options.Arrivals) + 1, MaxRunning: running, PrefillChunk: b.Options.PrefillChunk,
		Recorder: told, Clock: b.Options.Clock, Seed: func() uint64 { return b.Options.Seed },
	})
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		e.Run(ctx)
		close(ended)
	}()
	err = work(e)
	end()
	<-ended
	if used := e.Snapshot().Load.PagesUsed; err == nil && used != 0 {
		err = fmt.Errorf("%d pages are still held after the last request", used)
	}
	return err
}

// finished waits for a request's end.
func finished(ctx context.Context, e *engine.Engine, r engine.Request) (engine.Usage, error) {
	h, err := e.Submit(ctx, r)
	if err != nil {
		return engine.Usage{}, err
	}
	for event := range h.Events() {
		if event.Finish == "" {
			continue
		}
		if event.Err != nil || event.Finish == engine.FinishAbort {
			return engine.Usage{}, errors.Join(fmt.Errorf("a request ended with %s", event.Finish), event.Err, ctx.Err())
		}
		return *event.Usage, nil
	}
	return engine.Usage{}, errors.New("a request ended without a word")
}

// asking is a prompt: the pictures' rows, then a question.
func (b *Bench) asking(random *rand.Rand, visual, text int) []int32 {
	tokens := make([]int32, visual, visual+text)
	for i := range tokens {
		tokens[i] = b.config.ImageToken
	}
	return append(tokens, b.words(random, text)...)
}

// mixed are requests of many sizes: none, one or two pictures, each of one of some numbers of tiles, 16 to 128 words, answers of
// 8 to 64 tokens. Pictures are shared: what the tower does with one does not depend on what it shows.
func (b *Bench) mixed(random *rand.Rand, n int, tiles ...int) []engine.Request {
	var album [][]image.Pixels
	var tokens []int
	for _, t := range tiles {
		px, rows := b.pictureFor(random, t*b.config.VisualTokens)
		if rows <= b.config.MaxPosition/3 {
			album, tokens = append(album, px), append(tokens, rows)
		}
	}
	requests := make([]engine.Request, n)
	for i := range requests {
		r := &requests[i]
		visual := 0
		for range random.IntN(3) {
			if len(album) > 0 {
				at := random.IntN(len(album))
				r.Images, visual = append(r.Images, album[at]...), visual+tokens[at]
			}
		}
		r.ID = fmt.Sprintf("bench-%d", i)
		r.Tokens = b.asking(random, visual, 16+random.IntN(113))
		r.MaxTokens = 8 + random.IntN(57)
	}
	return requests
}

// arrivals are when requests come: a Poisson process of so many a second.
func arrivals(random *rand.Rand, n int, rate float64) []time.Duration {
	at := make([]time.Duration, n)
	now := 0.0
	for i := range at {
		now += random.ExpFloat64() / rate
		at[i] = time.Duration(math.Round(now * float64(time.Second)))
	}
	return at
}
