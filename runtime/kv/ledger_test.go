package kv

import (
	"errors"
	"testing"
)

func TestLedger(t *testing.T) {
	l := NewLedger(small)
	for pages, want := range map[int]Fit{0: FitsNow, 20: FitsNow, 21: FitsNever} {
		if got := l.Fit(pages); got != want {
			t.Errorf("an empty ledger of 20 answers %v for %d pages, want %v", got, pages, want)
		}
	}
	first, err := l.Reserve(15)
	if err != nil || l.Reserved() != 15 || l.Fit(6) != FitsLater {
		t.Fatalf("reserved %d, %v, %v", l.Reserved(), l.Fit(6), err)
	}
	if _, err := l.Reserve(6); !errors.Is(err, ErrNoPages) || l.Reserved() != 15 {
		t.Errorf("promised what was not there: %v, %d reserved", err, l.Reserved())
	}
	if _, err := l.Reserve(-1); err == nil {
		t.Error("promised fewer than no pages")
	}
	first.Shrink(4)
	first.Shrink(9) // a promise never grows
	if l.Reserved() != 4 || first.Pages() != 4 || l.Fit(16) != FitsNow {
		t.Errorf("after shrinking to 4: %d reserved", l.Reserved())
	}
	first.Release()
	first.Release()
	if l.Reserved() != 0 {
		t.Errorf("%d pages are still promised to nobody", l.Reserved())
	}
}
