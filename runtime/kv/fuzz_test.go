package kv

import (
	"errors"
	"slices"
	"testing"
)

// truth is the plainest possible truth about a pool: which sequence holds which page.
type truth struct {
	t         *testing.T
	pool      *Pool
	ledger    *Ledger
	sequences []*Sequence
	promises  []*Promise
}

// FuzzOperations runs random sequences of operations and compares the pool with a recount after each one.
func FuzzOperations(f *testing.F) {
	f.Add([]byte{0, 0, 1, 9, 2, 3, 3, 0, 4, 0})
	f.Add([]byte{0, 0, 0, 1, 1, 200, 1, 17, 2, 16, 5, 1, 4, 1, 4, 1, 0, 3})
	f.Add([]byte{0, 5, 1, 5, 3, 2, 3, 130, 3, 7, 1, 5, 4, 0})
	f.Add([]byte{0, 0, 7, 9, 7, 3, 1, 5, 4, 0, 7, 19, 4, 0, 7, 8, 7, 200})
	f.Fuzz(func(t *testing.T, script []byte) {
		w := &truth{t: t, pool: NewPool(small), ledger: NewLedger(small)}
		for i := 0; i+1 < len(script) && i < 400; i += 2 {
			w.do(script[i]%8, int(script[i+1]))
			w.recount()
		}
		for _, s := range w.sequences {
			if err := s.Release(); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range w.promises {
			p.Release()
		}
		if w.pool.Used() != 0 || w.ledger.Reserved() != 0 {
			t.Fatalf("leak: %d pages used, %d promised", w.pool.Used(), w.ledger.Reserved())
		}
	})
}

func (w *truth) do(op byte, arg int) {
	if op == 0 || len(w.sequences) == 0 {
		w.sequences = append(w.sequences, w.pool.NewSequence())
		return
	}
	s := w.sequences[arg%len(w.sequences)]
	switch op {
	case 1, 2:
		w.write(s, arg%11)
	case 3:
		w.compact(s, arg)
	case 4:
		if err := s.Release(); err != nil {
			w.t.Fatal(err)
		}
	case 5:
		w.writeLayer(s, arg)
	case 7:
		w.spare(s, arg)
	case 6:
		if p, err := w.ledger.Reserve(arg % 25); err == nil {
			w.promises = append(w.promises, p)
		} else if len(w.promises) > 0 {
			w.promises[arg%len(w.promises)].Shrink(arg % 7)
		}
	}
}

// spare takes pages for rows that another spreads, or spreads them.
func (w *truth) spare(s *Sequence, arg int) {
	free, position := w.pool.Free(), s.Position
	if len(s.spare) == 0 {
		pages, err := s.Spare(arg % 12)
		if err != nil && w.pool.Free() != free || err == nil && w.pool.Free() != free-len(pages) {
			w.t.Fatalf("spare pages: %v, free pages went from %d to %d", err, free, w.pool.Free())
		}
		return
	}
	spare, rows, empty := slices.Clone(s.spare), []int{arg % 17, arg / 17}, s.Pages() == len(s.spare)
	need := small.PagesFor(rows[0]) + small.PagesFor(rows[1])
	err := s.Adopt(rows)
	if (err == nil) != (empty && need <= len(spare)) || s.Position != position {
		w.t.Fatalf("adopting %v of %d pages: %v", rows, len(spare), err)
	}
	if err == nil && !slices.Equal(slices.Concat(s.Tables[0].Pages, s.Tables[1].Pages), spare[:need]) {
		w.t.Fatalf("rows %v lie in %+v, not in order in %v", rows, s.Tables, spare)
	}
}

func (w *truth) write(s *Sequence, rows int) {
	free := w.pool.Free()
	err := s.Room(rows)
	if err == nil {
		s.Wrote(rows)
	} else if !errors.Is(err, ErrNoPages) || w.pool.Free() != free {
		w.t.Fatalf("room for %d rows: %v, free pages went from %d to %d", rows, err, free, w.pool.Free())
	}
}

// writeLayer writes rows to one layer alone.
func (w *truth) writeLayer(s *Sequence, arg int) {
	layer, free := arg%small.Layers, w.pool.Free()
	if err := s.RoomIn(layer, arg%11); err == nil {
		s.WroteIn(layer, arg%11)
	} else if !errors.Is(err, ErrNoPages) || w.pool.Free() != free {
		w.t.Fatalf("room for %d rows in layer %d: %v, free pages went from %d to %d", arg%11, layer, err, free, w.pool.Free())
	}
}

func (w *truth) compact(s *Sequence, arg int) {
	layer, position := arg%small.Layers, s.Position
	keep := s.Tables[layer].Rows * (arg % 5) / 4
	var fail error
	if arg >= 128 {
		fail = errors.New("copy failed")
	}
	before := s.Tables[layer]
	err := s.Compact(layer, keep, func(Table, []int32) error { return fail })
	if s.Position != position {
		w.t.Fatalf("compaction moved the position from %d to %d", position, s.Position)
	}
	if after := s.Tables[layer]; err == nil && after.Rows != keep || err != nil && after.Rows != before.Rows {
		w.t.Fatalf("kept %d of %d rows with error %v, the table has %d", keep, before.Rows, err, after.Rows)
	}
}

func (w *truth) own(owner map[int32]bool, pages []int32) {
	for _, page := range pages {
		if owner[page] {
			w.t.Fatalf("page %d has two owners", page)
		}
		owner[page] = true
	}
}

func (w *truth) recount() {
	owner := map[int32]bool{}
	for _, s := range w.sequences {
		for _, t := range s.Tables {
			if small.PagesFor(t.Rows) > len(t.Pages) {
				w.t.Fatalf("%d rows in %d pages", t.Rows, len(t.Pages))
			}
			w.own(owner, t.Pages)
		}
		w.own(owner, s.spare)
	}
	for _, page := range w.pool.free {
		if owner[page] {
			w.t.Fatalf("page %d is free and owned", page)
		}
	}
	if len(owner) != w.pool.Used() || len(owner)+len(w.pool.free) != small.Pages {
		w.t.Fatalf("%d owned and %d free pages, the pool says %d used", len(owner), len(w.pool.free), w.pool.Used())
	}
	promised := 0
	for _, p := range w.promises {
		promised += p.Pages()
	}
	if promised != w.ledger.Reserved() || promised > w.ledger.Total() {
		w.t.Fatalf("%d pages promised, the ledger says %d of %d", promised, w.ledger.Reserved(), w.ledger.Total())
	}
}
