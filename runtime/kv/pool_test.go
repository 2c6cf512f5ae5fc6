package kv

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

var small = Shape{Pages: 20, PageTokens: 4, Layers: 2, PageBytes: 100}

func TestTakeIsAllOrNothing(t *testing.T) {
	p := NewPool(small)
	pages, err := p.Take(18)
	if err != nil || p.Used() != 18 || p.Free() != 2 {
		t.Fatalf("took %d: used %d, free %d, %v", len(pages), p.Used(), p.Free(), err)
	}
	if _, err := p.Take(3); !errors.Is(err, ErrNoPages) || p.Free() != 2 {
		t.Errorf("taking 3 of 2: %v, %d free", err, p.Free())
	}
}

func TestReturnRefusesWhatIsNotHeld(t *testing.T) {
	for name, bad := range map[string]func(held []int32) []int32{
		"a free page":                 func(h []int32) []int32 { return []int32{h[0], 19} },
		"a page twice":                func(h []int32) []int32 { return []int32{h[1], h[0], h[1]} },
		"a negative number":           func([]int32) []int32 { return []int32{-1} },
		"a number over the pool size": func([]int32) []int32 { return []int32{20} },
	} {
		p := NewPool(small)
		held, _ := p.Take(3)
		if err := p.Return(bad(held)); err == nil {
			t.Errorf("%s was accepted", name)
		}
		if err := p.Return(held); err != nil || p.Free() != 20 {
			t.Errorf("%s: the refused call changed the pool: %v, %d free", name, err, p.Free())
		}
	}
}

func TestRoomGrowsByPagesAndLayers(t *testing.T) {
	s := NewPool(small).NewSequence()
	for _, step := range []struct{ write, pages int }{{1, 2}, {3, 2}, {1, 4}, {8, 8}} {
		if err := s.Room(step.write); err != nil {
			t.Fatal(err)
		}
		s.Wrote(step.write)
		if s.Pages() != step.pages {
			t.Errorf("%d rows lie in %d pages, want %d", s.Rows(), s.Pages(), step.pages)
		}
	}
	if err := s.Room(30); !errors.Is(err, ErrNoPages) || s.Pages() != 8 {
		t.Errorf("room that is not there: %v, %d pages", err, s.Pages())
	}
}

func TestCompactFreesPagesAndKeepsThePosition(t *testing.T) {
	p := NewPool(small)
	s := p.NewSequence()
	if err := s.Room(13); err != nil {
		t.Fatal(err)
	}
	s.Wrote(13)
	first := s.Tables[1].Pages[0]
	err := s.Compact(1, 3, func(src Table, dst []int32) error {
		if src.Rows != 13 || !slices.Equal(dst, src.Pages[:1]) {
			t.Errorf("moving 3 rows of %+v to %v", src, dst)
		}
		return nil
	})
	if err != nil || s.Position != 13 || s.Tables[0].Rows != 13 || s.Tables[1].Rows != 3 || p.Used() != 5 {
		t.Errorf("%v: position %d, tables %+v, %d pages used", err, s.Position, s.Tables, p.Used())
	}
	if err := s.Room(2); err != nil || s.Tables[1].Pages[0] != first || len(s.Tables[1].Pages) != 2 {
		t.Errorf("growing again: %v, %+v", err, s.Tables[1])
	}
	if err := s.Release(); err != nil || p.Used() != 0 {
		t.Errorf("release: %v, %d pages used", err, p.Used())
	}
}

func TestAFailedMoveFreesNothing(t *testing.T) {
	p := NewPool(small)
	s := p.NewSequence()
	_ = s.Room(8)
	s.Wrote(8)
	broken := errors.New("device lost")
	if err := s.Compact(0, 1, func(Table, []int32) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = s.Compact(0, 1, func(Table, []int32) error { panic("kernel") })
	}()
	if p.Used() != 4 || s.Tables[0].Rows != 8 {
		t.Errorf("%d pages used, layer 0 is %+v", p.Used(), s.Tables[0])
	}
	if err := s.Compact(0, 9, nil); err == nil {
		t.Error("9 rows were kept of 8")
	}
}

func TestLayersFillOneAfterTheOther(t *testing.T) {
	p := NewPool(small)
	s := p.NewSequence()
	for layer := range 2 {
		if err := s.RoomIn(layer, 70); err != nil {
			t.Fatal(err)
		}
		s.WroteIn(layer, 70)
		if err := s.Compact(layer, 5, func(Table, []int32) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	s.Advance(70)
	if s.Position != 70 || s.Rows() != 10 || p.Used() != 4 {
		t.Errorf("position %d, %d rows in %d pages of a pool that holds one layer of 70", s.Position, s.Rows(), p.Used())
	}
	if err := s.RoomIn(0, 80); !errors.Is(err, ErrNoPages) || p.Used() != 4 {
		t.Errorf("room that is not there: %v, %d pages used", err, p.Used())
	}
}

func TestFillTakesPagesForACopyAndRewindForgetsItsTail(t *testing.T) {
	p := NewPool(small)
	s := p.NewSequence()
	var given []int32
	if err := s.Fill(1, 9, func(pages []int32) error { given = pages; return nil }); err != nil || len(given) != 3 || s.Tables[1].Rows != 9 {
		t.Errorf("%v: filled %v, table %+v", err, given, s.Tables[1])
	}
	if err := s.Fill(1, 1, nil); err == nil {
		t.Error("a full layer was filled again")
	}
	if err := s.Fill(0, 99, nil); !errors.Is(err, ErrNoPages) {
		t.Errorf("99 rows in a pool of 80: %v", err)
	}
	broken := errors.New("device lost")
	if err := s.Fill(0, 5, func([]int32) error { return broken }); !errors.Is(err, broken) || s.Tables[0].Rows != 0 {
		t.Errorf("%v: table %+v", err, s.Tables[0])
	}
	if err := s.Release(); err != nil || p.Used() != 0 {
		t.Errorf("release: %v, %d pages used", err, p.Used())
	}
	_ = s.Room(6)
	s.Wrote(6)
	if s.Rewind(2); s.Position != 4 || s.Tables[0].Rows != 4 || s.Pages() != 4 {
		t.Errorf("after rewinding: %+v, %d pages", s.Tables, s.Pages())
	}
}

// The figures of doc.go.
func TestWorkedExample(t *testing.T) {
	s := Shape{Pages: 1000, PageTokens: 16, Layers: 8}
	for want, d := range map[int]Demand{
		328: {Rows: 620, Answer: 31},
		94:  {Rows: 620, Answer: 31, Visual: 576, Kept: 461},
		312: {Rows: 620, Visual: 576, Kept: 8 * 576},
	} {
		if got := s.Admission(d); got != want {
			t.Errorf("admission of %+v: %d pages, want %d", d, got, want)
		}
	}
	if got := s.Remaining(slices.Repeat([]int{102}, 8), 31); got != 72 {
		t.Errorf("after compression: %d, want 72", got)
	}
}

// However the kept rows fall on the layers, and however long the answer gets, the promise holds.
func TestAdmissionCoversEverySpread(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		s := Shape{PageTokens: 1 + r.IntN(16), Layers: 1 + r.IntN(12)}
		d := Demand{Visual: 1 + r.IntN(200), Answer: r.IntN(60)}
		d.Rows = d.Visual + r.IntN(80)
		d.Kept = s.Layers + r.IntN(s.Layers*d.Visual-s.Layers+1)
		promise := s.Admission(d)
		kept, left := make([]int, s.Layers), d.Kept
		for l := range kept { // at random, but all of it
			kept[l] = min(left, d.Visual, max(left-(s.Layers-1-l)*d.Visual, r.IntN(left+1)))
			left -= kept[l]
		}
		r.Shuffle(len(kept), func(a, b int) { kept[a], kept[b] = kept[b], kept[a] })
		text := d.Rows - d.Visual
		prefill, answer := 0, 0
		for l, k := range kept {
			answer += s.PagesFor(text + k + d.Answer)
			if l < s.Layers-1 {
				prefill += s.PagesFor(text + min(d.Visual, k+1))
			}
		}
		prefill += s.PagesFor(d.Rows)
		if promise < answer || promise < prefill {
			t.Fatalf("%+v in %+v with %v kept: %d pages promised, the prefill takes %d, the answer %d", d, s, kept, promise, prefill, answer)
		}
	}
}

// A prompt that is copied at its end is whole until then.
func TestAdmissionCoversACopy(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 5000 {
		s := Shape{PageTokens: 1 + r.IntN(16), Layers: 1 + r.IntN(12)}
		d := Demand{Visual: 1 + r.IntN(200), Answer: r.IntN(60), Copied: true}
		d.Rows, d.Kept = d.Visual+r.IntN(80), r.IntN(s.Layers*d.Visual)
		fresh, answer, left := 0, 0, d.Kept
		for l := range s.Layers {
			kept := min(d.Visual, left)
			if l < s.Layers-1 {
				kept = r.IntN(kept + 1)
			}
			left -= kept
			fresh, answer = fresh+s.PagesFor(d.Rows-d.Visual+kept), answer+s.PagesFor(d.Rows-d.Visual+kept+d.Answer)
		}
		if promise := s.Admission(d); fresh > s.Fresh(d) || promise < answer || promise < s.Layers*s.PagesFor(d.Rows)+fresh {
			t.Fatalf("%+v in %+v: %d pages promised, the copy takes %d of %d, the answer %d", d, s, promise, fresh, s.Fresh(d), answer)
		}
	}
	s := Shape{Pages: 1000, PageTokens: 16, Layers: 8}
	if got := s.Admission(Demand{Rows: 620, Visual: 576, Kept: 8 * 576, Copied: true}); got != 312 {
		t.Errorf("a prompt of which all stays takes %d pages, want 312: nothing is copied", got)
	}
}

func TestShapeForRefusesAPoolThatHoldsNothing(t *testing.T) {
	if s, err := ShapeFor(9*16*512, 8, 16, 512); err != nil || s.Pages != 9 || s.Bytes(9) != 73728 {
		t.Errorf("got %+v, %v", s, err)
	}
	for _, bytes := range []int64{0, -1, 8*16*512 - 1} {
		if s, err := ShapeFor(bytes, 8, 16, 512); err == nil {
			t.Errorf("%d bytes gave %+v", bytes, s)
		}
	}
}
