package main

import (
	"strings"
	"testing"

	"aircache.dev/aircache/e2e/ask"
)

var two = []ask.Question{
	{Picture: "a.png", Task: "colour", Text: "Which code?", Expected: "7KQ2"},
	{Picture: "b.png", Task: "count", Text: "How many?", Expected: "Two."},
}

// good is a run as it should be.
func good() []round {
	return []round{
		{1000, []ask.Answer{{Text: "7KQ2", KVBytesFull: 4 << 20, KVBytesKept: 4 << 20, VisualTokens: 576, VisualTokensKept: 576, Recall: 1}, {Text: "Two.", KVBytesFull: 4 << 20, KVBytesKept: 4 << 20}}},
		{100, []ask.Answer{{Text: "7KQ2", KVBytesFull: 4 << 20, KVBytesKept: 1 << 20, VisualTokens: 576, VisualTokensKept: 58, Recall: .9}, {Text: "One.", KVBytesFull: 4 << 20, KVBytesKept: 1 << 20}}},
	}
}

func TestReport(t *testing.T) {
	var out strings.Builder
	report(&out, two, good())
	want := `
a.png: Which code?
  truth   7KQ2
  100 %   7KQ2                     right; 576 of 576 visual tokens kept; KV 4.00 MiB kept, 0.00 MiB freed; recall 1.00
  10 %    7KQ2                     right; 58 of 576 visual tokens kept; KV 1.00 MiB kept, 3.00 MiB freed; recall 0.90

b.png: How many?
  truth   Two.
  100 %   Two.                     right; 0 of 0 visual tokens kept; KV 4.00 MiB kept, 0.00 MiB freed; recall 0.00
  10 %    One.                     wrong; 0 of 0 visual tokens kept; KV 1.00 MiB kept, 3.00 MiB freed; recall 0.00

100 %   2 of 2 right; KV 8.00 MiB kept, 0.00 MiB freed (0 %)
10 %    1 of 2 right; KV 2.00 MiB kept, 6.00 MiB freed (75 %)
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func([]round)
		says string // empty: the run is good
	}{
		{"a good run", func([]round) {}, ""},
		{"a wrong answer at a tenth is no failure", func(r []round) { r[1].answers[0].Text = "?" }, ""},
		{"wrong answers with the full cache", func(r []round) { r[0].answers[0].Text = "?" }, "only 1 of 2"},
		{"a full cache that evicts", func(r []round) { r[0].answers[0].KVBytesKept = 1 }, "expected nothing"},
		{"a tenth that frees nothing", func(r []round) { r[1].answers[0].KVBytesKept = 4 << 20 }, "less than half"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rounds := good()
			c.edit(rounds)
			err := judge(two, rounds)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}

func TestChooseTakesOtherTasksAndPicturesFirst(t *testing.T) {
	all := []ask.Question{
		{Picture: "a", Task: "colour", Text: "1"}, {Picture: "a", Task: "count", Text: "2"}, {Picture: "a", Task: "place", Text: "3"},
		{Picture: "b", Task: "colour", Text: "4"}, {Picture: "b", Task: "count", Text: "5"},
	}
	for n, want := range map[int]string{1: "1", 2: "1 5", 3: "1 5 3", 9: "1 5 3 2 4"} {
		var got []string
		for _, q := range choose(all, n) {
			got = append(got, q.Text)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%d questions: %v, want %s", n, got, want)
		}
	}
}
