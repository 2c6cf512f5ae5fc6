package main

import (
	"strings"
	"testing"
)

func TestGrowthIsJudgedFromTheSecondPartOn(t *testing.T) {
	flat := []held{{Resident: 1 << 20}, {Resident: 200 << 20, Goroutines: 14, Files: 15}, {Resident: 202 << 20, Goroutines: 16, Files: 15}}
	if err := grown(flat); err != nil {
		t.Error(err)
	}
	for says, last := range map[string]held{
		"resident bytes":   {Resident: 217 << 20},
		"goroutines":       {Goroutines: 19},
		"file descriptors": {Files: 20},
		"panics":           {Panics: 1},
	} {
		if err := grown([]held{flat[0], flat[1], last}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v", says, err)
		}
	}
}

func TestTheSameSeedAsksTheSame(t *testing.T) {
	l := &load{seed: 7}
	counts := map[string]int{}
	for i := range 1000 {
		a, b := kinds[draw(l.random(i))].name, kinds[draw(l.random(i))].name
		if a != b {
			t.Fatalf("request %d is %s, then %s", i, a, b)
		}
		counts[a]++
	}
	if len(counts) != len(kinds) {
		t.Errorf("of 1000 requests only these kinds: %v", counts)
	}
}
