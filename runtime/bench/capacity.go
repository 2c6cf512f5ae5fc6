package bench

import (
	"fmt"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/kv"
)

// answerTokens is how long the answers are that capacity leaves room for.
const answerTokens = 128

// capacity counts the sequences that the pool of pages holds at once, by the engine's own accounting: promises made before a
// prompt is prefilled and shrunk after it, pages taken and given back. Nothing runs on the device.
func (b *Bench) capacity() error {
	pool, err := kv.ShapeFor(b.Options.PoolBytes, b.config.Layers, backend.PageTokens, int64(b.config.KVBytesPerTokenLayer))
	if err != nil {
		return err
	}
	for _, visual := range b.Options.Visuals {
		for _, permille := range b.Options.Permilles {
			kept := b.uneven(1, keptOf(visual, permille), b.Options.Text).rows
			if permille == compress.Everything {
				kept = b.even(1, visual+b.Options.Text).rows
			}
			demand := kv.Demand{Rows: visual + b.Options.Text, Answer: answerTokens, Visual: visual}
			for _, rows := range kept {
				demand.Kept += rows - b.Options.Text
			}
			held, err := hold(pool, demand, kept)
			if err != nil {
				return fmt.Errorf("%d visual tokens at %d permille: %w", visual, permille, err)
			}
			per := b.counter.RowBytes() * float64(demand.Kept+b.config.Layers*(b.Options.Text+answerTokens))
			b.add(Figure{Case: Case{What: "capacity", Metric: "sequences", Visual: visual, Text: b.Options.Text, Permille: permille},
				Unit: "sequences", Value: float64(held), Floor: float64(pool.Bytes(pool.Pages)) / per,
				Note: fmt.Sprintf("%.1f GB of pages; each answers %d tokens", float64(pool.Bytes(pool.Pages))/1e9, answerTokens)})
		}
	}
	return nil
}

// hold admits equal sequences, one after the other, until one would have to wait.
func hold(shape kv.Shape, d kv.Demand, kept []int) (int, error) {
	pool, ledger := kv.NewPool(shape), kv.NewLedger(shape)
	for held := 0; ; held++ {
		if ledger.Fit(shape.Admission(d)) != kv.FitsNow {
			return held, nil
		}
		promise, err := ledger.Reserve(shape.Admission(d))
		if err != nil {
			return held, err
		}
		s := pool.NewSequence()
		for layer, rows := range kept {
			if err := s.RoomIn(layer, d.Rows); err != nil {
				return held, err
			}
			s.WroteIn(layer, d.Rows)
			if err := s.Compact(layer, rows, func(kv.Table, []int32) error { return nil }); err != nil {
				return held, err
			}
		}
		promise.Shrink(shape.Remaining(kept, d.Answer))
		if err := s.Room(d.Answer); err != nil { // what is promised must be there
			return held, err
		}
	}
}
