package kv

import (
	"math/rand/v2"
	"testing"
)

// load is a serving mix of LLaVA-OneVision-7B: 28 layers, answers of 1 to 256 tokens that end at any time.
type load struct {
	visual, text, permille int
}

// Empty slots of used pages, beside all slots: the figures of doc.go. Two tables a layer, an immutable one of the prompt and one of the
// answer, would each end in a page of their own.
func TestWasteAtRealisticSizes(t *testing.T) {
	for _, l := range []load{{2048, 64, 100}, {8192, 64, 100}, {32768, 64, 100}, {8192, 64, 1000}, {729, 64, 1000}} {
		one, two := l.waste(t)
		t.Logf("%d visual tokens at %d permille: %.2f %% of the slots are empty, %.2f %% with two tables a layer", l.visual, l.permille, 100*one, 100*two)
		if one > .03 {
			t.Errorf("%+v: %.2f %% of the slots are empty, 3 %% at most wanted", l, 100*one)
		}
		if two < one {
			t.Errorf("%+v: two tables waste less: %.2f %%", l, 100*two)
		}
	}
}

// waste fills a pool with sequences that are compressed layer by layer, and lets them come and go.
func (l load) waste(t *testing.T) (one, two float64) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(l.visual), uint64(l.permille)))
	p := NewPool(Shape{Pages: 1 << 19, PageTokens: 16, Layers: 28, PageBytes: 32 << 10})
	var slots, empty, twoSlots, twoEmpty int
	var running []*Sequence
	for round := range 300 {
		if round%3 == 0 {
			running = append(running, l.admit(t, p, r))
		}
		if len(running) > 24 {
			leaving := r.IntN(len(running))
			if err := running[leaving].Release(); err != nil {
				t.Fatal(err)
			}
			running = append(running[:leaving], running[leaving+1:]...)
		}
		for _, s := range running {
			if err := s.Room(1); err != nil {
				t.Fatal(err)
			}
			s.Wrote(1)
			slots += s.Pages() * 16
			empty += s.Pages()*16 - s.Rows()
			answer := s.Position - l.visual - l.text
			for _, table := range s.Tables {
				pages := p.shape.PagesFor(table.Rows-answer) + p.shape.PagesFor(answer)
				twoSlots, twoEmpty = twoSlots+16*pages, twoEmpty+16*pages-table.Rows
			}
		}
	}
	for _, s := range running {
		if err := s.Release(); err != nil {
			t.Fatal(err)
		}
	}
	if p.Used() != 0 {
		t.Errorf("%d pages leaked", p.Used())
	}
	return float64(empty) / float64(slots), float64(twoEmpty) / float64(twoSlots)
}

// admit prefills a prompt; its budgets differ from layer to layer.
func (l load) admit(t *testing.T, p *Pool, r *rand.Rand) *Sequence {
	t.Helper()
	s, rows := p.NewSequence(), l.visual+l.text
	for layer := range s.Tables {
		if err := s.RoomIn(layer, rows); err != nil {
			t.Fatal(err)
		}
		s.WroteIn(layer, rows)
		if l.permille < 1000 {
			kept := l.text + int(float64(l.visual*l.permille/1000)*(.5+r.Float64()))
			if err := s.Compact(layer, kept, func(Table, []int32) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.Advance(rows)
	answer := r.IntN(256)
	if err := s.Room(answer); err != nil {
		t.Fatal(err)
	}
	s.Wrote(answer)
	return s
}

// As long as the version stays, what a device knows of a table is right, and only the pages behind it are new.
func TestOneVersionOnlyAddsPages(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	p := NewPool(small)
	s, seen := p.NewSequence(), map[uint64][][]int32{}
	for range 3000 {
		switch r.IntN(5) {
		case 0:
			rows := s.Tables[1].Rows
			if rows > 0 {
				_ = s.Compact(1, r.IntN(rows), func(Table, []int32) error { return nil })
			}
		case 1:
			if r.IntN(4) == 0 {
				_ = s.Release()
			}
		default:
			if n := 1 + r.IntN(5); s.Room(n) == nil {
				s.Wrote(n)
			}
		}
		if s.Version == 0 {
			t.Fatal("version 0 means that nothing is known")
		}
		known := seen[s.Version]
		if known == nil {
			known = make([][]int32, len(s.Tables))
			seen[s.Version] = known
		}
		for l, table := range s.Tables {
			if len(table.Pages) < len(known[l]) {
				t.Fatalf("version %d: layer %d has lost pages", s.Version, l)
			}
			for i, page := range known[l] {
				if table.Pages[i] != page {
					t.Fatalf("version %d: page %d of layer %d was %d and is %d", s.Version, i, l, page, table.Pages[i])
				}
			}
			known[l] = append([]int32(nil), table.Pages...)
		}
	}
	if len(seen) < 100 {
		t.Errorf("only %d versions", len(seen))
	}
}
