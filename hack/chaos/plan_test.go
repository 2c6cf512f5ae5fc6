package main

import (
	"os"
	"slices"
	"testing"
	"time"
)

func TestSeedAloneDecidesThePlan(t *testing.T) {
	first := plan(7, 10*time.Minute, 8)
	if !slices.Equal(first, plan(7, 10*time.Minute, 8)) {
		t.Error("the same seed made two plans")
	}
	if slices.Equal(first, plan(8, 10*time.Minute, 8)) {
		t.Error("two seeds made the same plan")
	}
}

func TestPlanOfAMinuteReadsAsBefore(t *testing.T) {
	want, err := os.ReadFile("testdata/plan-seed-1.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := text(plan(1, time.Minute, 8)); got != string(want) {
		t.Errorf("runs that were published can not be replayed any more; got\n%s", got)
	}
}

func TestEveryPlanHasEveryFaultInOrderAndEndsWithAWait(t *testing.T) {
	for seed := range uint64(20) {
		faults := plan(seed, 80*time.Second, 3)
		seen := map[kind]bool{}
		for i, f := range faults {
			seen[f.Kind] = true
			if i > 0 && f.At < faults[i-1].At || f.Object < 0 || f.Object >= 3 {
				t.Errorf("seed %d has %v after %v", seed, f, faults[i-1])
			}
		}
		for _, w := range weights {
			if !seen[w.kind] {
				t.Errorf("seed %d never has %q", seed, w.kind)
			}
		}
		if last := faults[len(faults)-1]; last.Kind != settle {
			t.Errorf("seed %d ends with %v", seed, last)
		}
	}
}
