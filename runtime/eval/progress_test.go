package eval

import (
	"strings"
	"testing"
	"time"
)

func TestTheBarCountsOnlyItsOwnTime(t *testing.T) {
	now := time.Unix(0, 0)
	var b strings.Builder
	bar := NewBar(&b, true, func() time.Time { return now }, 10)
	now = now.Add(4 * time.Second)
	bar.Show(12, 40) // two samples in four seconds, 28 to go
	if got := b.String(); !strings.Contains(got, "[######..............] 12 of 40 samples, 2.00 s each, 56s left") {
		t.Errorf("%q", got)
	}
}

func TestALogGetsALineEachTwentieth(t *testing.T) {
	var b strings.Builder
	bar := NewBar(&b, false, time.Now, 0)
	for i := range 200 {
		bar.Show(i+1, 200)
	}
	if got := strings.Count(b.String(), "\n"); got != 21 {
		t.Errorf("%d lines, expected 21", got)
	}
}
