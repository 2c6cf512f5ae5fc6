package kv

import (
	"math/rand/v2"
	"testing"
)

// Hold is held against the ledger: sequences that are admitted one after the other until one would have to wait.
func TestHoldIsWhatTheLedgerAdmits(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	for range 300 {
		s := Shape{Pages: 1 + r.IntN(4000), PageTokens: 16, Layers: 1 + r.IntN(12), PageBytes: 1}
		d := Demand{Visual: 1 + r.IntN(400), Answer: r.IntN(60), Copied: r.IntN(2) == 0}
		d.Rows = d.Visual + r.IntN(80)
		kept := make([]int, s.Layers)
		for l := range kept {
			n := r.IntN(d.Visual + 1)
			kept[l] = d.Rows - d.Visual + n
			d.Kept += n
		}
		ledger, want := NewLedger(s), 0
		for ledger.Fit(s.Admission(d)) == FitsNow {
			promise, err := ledger.Reserve(s.Admission(d))
			if err != nil {
				t.Fatal(err)
			}
			promise.Shrink(s.Remaining(kept, d.Answer))
			if want++; want > s.Pages {
				break // sequences of no rows
			}
		}
		if got := s.Hold(d, kept); got != want && want <= s.Pages {
			t.Fatalf("%+v holds %d of %+v, the ledger admits %d", s, got, d, want)
		}
	}
}
