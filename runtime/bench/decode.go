package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/kv"
	"aircache.dev/aircache/runtime/model"
)

// stepsASample are decoded one after the other, the next one launched before the last one's tokens are read, as the engine does.
const stepsASample = 8

// shape is what a decode step reads: so many sequences, each with these rows of every layer.
type shape struct {
	batch int
	rows  []int // by layer
}

// even has the same rows in all layers.
func (b *Bench) even(batch, rows int) shape {
	s := shape{batch: batch, rows: make([]int, b.config.Layers)}
	for l := range s.rows {
		s.rows[l] = rows
	}
	return s
}

// uneven spreads visual rows as a budget of layers may: from a quarter of the mean to seven quarters, in random order, the same
// total as even's.
func (b *Bench) uneven(batch, visual, text int) shape {
	layers := b.config.Layers
	s, left := shape{batch: batch, rows: make([]int, layers)}, visual*layers
	order := b.chance(2).Perm(layers)
	for i, l := range order {
		share := 0.25
		if layers > 1 {
			share += 1.5 * float64(i) / float64(layers-1)
		}
		s.rows[l] = int(share * float64(visual))
		left -= s.rows[l]
	}
	for i := 0; left > 0; i++ { // what rounding left over
		s.rows[i%layers]++
		left--
	}
	for l := range s.rows {
		s.rows[l] += text
	}
	return s
}

func (s shape) total() int {
	n := 0
	for _, rows := range s.rows {
		n += rows
	}
	return s.batch * n
}

func (s shape) pages() int {
	n := 0
	for _, rows := range s.rows {
		n += backend.Pages(rows + stepsASample)
	}
	return s.batch * n
}

// decodeCase is a step to measure.
type decodeCase struct {
	Case
	shape
	position int
	note     string
}

// decode measures every batch with every length and retention.
func (b *Bench) decode(ctx context.Context) error {
	var cases []decodeCase
	for _, visual := range b.Options.Visuals {
		for _, batch := range b.Options.Batches {
			for _, permille := range b.Options.Permilles {
				c := b.caseOf("decode", batch, visual, permille)
				c.shape = b.even(batch, keptOf(visual, permille)+b.Options.Text)
				cases = append(cases, c)
			}
		}
	}
	return b.decodeAll(ctx, cases)
}

// ragged measures layers of different lengths beside the same total in equal ones, in the largest batch at the lowest retention.
func (b *Bench) ragged(ctx context.Context) error {
	permille := b.lowest()
	var cases []decodeCase
	batch := slices.Max(b.Options.Batches)
	for _, visual := range b.Options.Visuals {
		kept := keptOf(visual, permille)
		equal, differ := b.caseOf("ragged", batch, visual, permille), b.caseOf("ragged", batch, visual, permille)
		equal.Metric, equal.shape = "step, equal layers", b.even(batch, kept+b.Options.Text)
		differ.Metric, differ.shape = "step, ragged layers", b.uneven(batch, kept, b.Options.Text)
		cases = append(cases, equal, differ)
	}
	return b.decodeAll(ctx, cases)
}

func keptOf(visual, permille int) int { return visual * permille / compress.Everything }

func (b *Bench) caseOf(what string, batch, visual, permille int) decodeCase {
	c := decodeCase{Case: Case{What: what, Metric: "step", Batch: batch, Visual: visual, Text: b.Options.Text, Permille: permille}}
	c.position = visual + b.Options.Text
	if most := b.config.MaxPosition - stepsASample - 1; c.position > most { // it turns keys, nothing else
		c.position, c.note = most, fmt.Sprintf("as at position %d, the model's last", most)
	}
	return c
}

// decodeAll fills one pool that is large enough for the largest case that fits.
func (b *Bench) decodeAll(ctx context.Context, cases []decodeCase) error {
	pool, err := kv.ShapeFor(b.Options.PoolBytes, b.config.Layers, backend.PageTokens, int64(b.config.KVBytesPerTokenLayer))
	if err != nil {
		return err
	}
	pages, sequences, rows := 0, 0, 0
	for _, c := range cases {
		if n := c.pages(); n <= pool.Pages {
			pages, sequences, rows = max(pages, n), max(sequences, c.batch), max(rows, c.longest()+stepsASample)
		}
	}
	if pages == 0 {
		return fmt.Errorf("no case fits in a pool of %d bytes", b.Options.PoolBytes)
	}
	if err := b.reserve(pages, sequences, rows); err != nil {
		return err
	}
	for _, c := range cases {
		work := b.counter.Decode(c.batch, c.total())
		if n := c.pages(); n > pool.Pages {
			b.add(Figure{Case: c.Case, Unit: "ms", Work: &work, Floor: milliseconds * b.Options.Ceilings.Floor(work),
				Note: fmt.Sprintf("does not fit: %.1f GB of cache, the pool has %.1f", float64(pool.Bytes(n))/1e9, float64(pool.Bytes(pool.Pages))/1e9)})
			continue
		}
		values, err := b.decodeOne(ctx, c, newDeck(pages, b.chance(3)))
		if err != nil {
			return fmt.Errorf("%d sequences of %d visual tokens at %d permille: %w", c.Batch, c.Visual, c.Permille, err)
		}
		b.note(c.Case, values, work, c.note)
	}
	return nil
}

func (s shape) longest() int {
	most := 0
	for _, rows := range s.rows {
		most = max(most, rows)
	}
	return most
}

func (b *Bench) decodeOne(ctx context.Context, c decodeCase, d *deck) ([]float64, error) {
	s := &stepper{bench: b, position: c.position}
	first := b.rows(c, d)
	s.turns = [2][]model.Row{first, twin(first)}
	return b.times(ctx, b.Options.Repeat, milliseconds/stepsASample, s.sample)
}

// firstVersion of this package's tables lies beyond those that an engine over the same device gives out.
const firstVersion = 1 << 48

// rows are the sequences of a step, each with pages of its own, fed with the token that it chose last.
func (b *Bench) rows(c decodeCase, d *deck) []model.Row {
	rows := make([]model.Row, c.batch)
	for i := range rows {
		b.tables++
		view := backend.KVView{Position: c.position, Version: firstVersion + b.tables}
		for _, n := range c.shape.rows {
			view.Layers = append(view.Layers, d.deal(n, stepsASample))
		}
		rows[i] = model.Row{Token: backend.Slot(int32(i)), Slot: int32(i), KV: view}
	}
	return rows
}

// twin is the same rows in memory of their own: a step's rows stay as they are until the next step is staged.
func twin(rows []model.Row) []model.Row {
	other := append([]model.Row(nil), rows...)
	for i := range other {
		other[i].KV.Layers = append([]backend.LayerKV(nil), rows[i].KV.Layers...)
	}
	return other
}

// stepper decodes the same steps again and again.
type stepper struct {
	bench    *Bench
	position int
	turns    [2][]model.Row
}

// sample is the time of stepsASample steps. It starts and ends on an idle device.
func (s *stepper) sample() (time.Duration, error) {
	m, clock := s.bench.Model, s.bench.Options.Clock
	s.grow(s.turns[0], 0)
	s.grow(s.turns[1], 1)
	start := clock()
	last, err := m.Launch(s.turns[0])
	for i := 1; i < stepsASample && err == nil; i++ {
		next, launched := m.Launch(s.turns[i%2])
		if launched != nil {
			return 0, launched
		}
		_, err = m.Take(last)
		s.grow(s.turns[(i+1)%2], i+1)
		last = next
	}
	if err != nil {
		return 0, err
	}
	if _, err = m.Take(last); err != nil {
		return 0, err
	}
	return clock().Sub(start), nil
}

// grow sets the caches of a turn to so many rows more than in the beginning.
func (s *stepper) grow(rows []model.Row, more int) {
	for i := range rows {
		view := &rows[i].KV
		delta := s.position + more - view.Position
		view.Position += delta
		for l := range view.Layers {
			view.Layers[l].Len += delta
		}
	}
}
