package eval

import (
	"math"
	"slices"
	"testing"
)

func near(a, b float64) bool { return math.Abs(a-b) < 5e-4 }

func TestWilson(t *testing.T) {
	for _, c := range []struct {
		sum       float64
		n         int
		low, high float64
	}{
		{8, 10, .490, .943}, {0, 10, 0, .278}, {10, 10, .722, 1}, {990, 1000, .9817, .9946}, {1.5, 2, .1979, .9733}, {0, 0, 0, 1},
	} {
		if got := Wilson(c.sum, c.n); !near(got.Low, c.low) || !near(got.High, c.high) || got.Low > got.Value || got.Value > got.High {
			t.Errorf("%v of %d: %+v, want %v to %v", c.sum, c.n, got, c.low, c.high)
		}
	}
}

func TestMetrics(t *testing.T) {
	for _, c := range []struct {
		what     string
		metric   Metric
		answer   string
		accepted []string
		want     float64
	}{
		{"the same code", Exact, "7KQ2", []string{"7KQ2"}, 1},
		{"another case", Exact, "7kq2", []string{"7KQ2"}, 0},
		{"a code more", Exact, "7KQ2 AAAA", []string{"7KQ2"}, 0},

		{"within 5 %", Relaxed, "9.6", []string{"10"}, 1},
		{"on the edge", Relaxed, "10.5", []string{"10"}, 1},
		{"beyond 5 %", Relaxed, "9.4", []string{"10"}, 0},
		{"below zero", Relaxed, "-9.6", []string{"-10"}, 1},
		{"another sign", Relaxed, "10", []string{"-10"}, 0},
		{"a percentage of a share", Relaxed, "42%", []string{"0.42"}, 1},
		{"zero must be zero", Relaxed, "0.001", []string{"0"}, 0},
		{"zero as text", Relaxed, "0", []string{"0"}, 1},
		{"words in another case", Relaxed, " Red ", []string{"red"}, 1},
		{"words are not numbers", Relaxed, "ten", []string{"10"}, 0},
		{"any accepted answer", Relaxed, "blue", []string{"red", "Blue"}, 1},

		{"two edits of seven", ANLS, "reciept", []string{"receipt"}, 1 - 2.0/7},
		{"the nearest accepted answer", ANLS, "recept", []string{"dog", "receipt"}, 1 - 1.0/7},
		{"half is too far", ANLS, "abcd", []string{"abxy"}, 0},
		{"nothing in common", ANLS, "cat", []string{"dog"}, 0},
		{"case and outer space", ANLS, " Total ", []string{"total"}, 1},
		{"letters, not bytes", ANLS, "größe", []string{"grösse"}, 1 - 2.0/6},

		{"all ten people", VQA, "stop", slices.Repeat([]string{"stop"}, 10), 1},
		{"four of ten", VQA, "stop", append(slices.Repeat([]string{"stop"}, 4), slices.Repeat([]string{"go"}, 6)...), 1},
		{"three of ten", VQA, "stop", append(slices.Repeat([]string{"stop"}, 3), slices.Repeat([]string{"go"}, 7)...), .9},
		{"two of ten", VQA, "stop", append(slices.Repeat([]string{"stop"}, 2), slices.Repeat([]string{"go"}, 8)...), .6},
		{"one of ten", VQA, "stop", append([]string{"stop"}, slices.Repeat([]string{"go"}, 9)...), .3},
		{"none of ten", VQA, "left", slices.Repeat([]string{"go"}, 10), 0},
		{"the only answer", VQA, "The two dogs.", []string{"2 dogs"}, 1},
		{"commas in numbers", VQA, "1,200", []string{"1200"}, 1},
		{"decimals stay", VQA, "3.5", []string{"35"}, 0},
		{"contractions", VQA, "don't walk", []string{"dont walk"}, 1},
		{"a hyphen between words", VQA, "coca-cola", []string{"coca cola"}, 1},
	} {
		if got := c.metric.Score(c.answer, c.accepted); !near(got, c.want) {
			t.Errorf("%s: %s of %q for %q is %v, want %v", c.what, c.metric, c.answer, c.accepted, got, c.want)
		}
	}
}

func TestTokenAccuracy(t *testing.T) {
	for _, c := range []struct {
		got, want []int32
		share     float64
	}{
		{[]int32{7, 1, 2, 3}, []int32{7, 1, 9, 3}, .75}, {[]int32{7, 1}, []int32{7, 1, 9, 3}, .5},
		{[]int32{7, 1, 9, 3, 4}, []int32{7, 1, 9, 3}, .8}, {nil, nil, 1}, {nil, []int32{1}, 0},
	} {
		if got := TokenAccuracy(c.got, c.want); got != c.share {
			t.Errorf("%v for %v: %v, want %v", c.got, c.want, got, c.share)
		}
	}
}

func TestAnUnknownMetricIsNamed(t *testing.T) {
	if _, err := ParseMetric("bleu"); err == nil {
		t.Error("bleu was taken")
	}
	if m, err := ParseMetric("anls"); err != nil || m != ANLS {
		t.Errorf("anls: %v, %v", m, err)
	}
}
