package chart

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"aircache.dev/aircache/runtime/bench"
)

// Line is one figure for a terminal.
//
//	decode    step    8 x 8192 + 64, 10 %      4.98 ms (4.95..5.02)  floor 4.85, 97 %  torch graph 7.93
func Line(f bench.Figure) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-9s %-27s %-24s ", f.What, f.Metric, describe(f.Case))
	if f.Value == 0 && f.Note != "" && f.Unit == "ms" {
		b.WriteString(f.Note)
		return b.String()
	}
	b.WriteString(measured(f))
	if f.High > 0 {
		fmt.Fprintf(&b, " (%s..%s)", number(f.Low), number(f.High))
	}
	if f.Floor > 0 {
		fmt.Fprintf(&b, "  %s %s, %s", limitOf(f), number(f.Floor), share(f))
	}
	for _, name := range slices.Sorted(maps.Keys(f.Peers)) {
		fmt.Fprintf(&b, "  %s %s", name, number(f.Peers[name]))
	}
	if f.Note != "" {
		fmt.Fprintf(&b, "  [%s]", f.Note)
	}
	return b.String()
}

// limitOf names what Floor is: times cannot be below it, counts not above.
func limitOf(f bench.Figure) string {
	if f.Unit == "ms" {
		return "floor"
	}
	return "bytes allow"
}

// share of the limit that is reached: time down to the floor, or count up to it.
func share(f bench.Figure) string {
	s := f.Share()
	if s == 0 {
		return ""
	}
	if f.Unit != "ms" {
		s = 1 / s
	}
	return fmt.Sprintf("%.0f %%", 100*s)
}

// describe names a case by its sizes.
//
//	8 x 8192 + 64, 10 %
func describe(c bench.Case) string {
	var parts []string
	switch {
	case c.Tokens > 0:
		parts = append(parts, fmt.Sprintf("%d tokens", c.Tokens))
	case c.Tiles == 1:
		parts = append(parts, "1 tile")
	case c.Tiles > 1:
		parts = append(parts, fmt.Sprintf("%d tiles", c.Tiles))
	case c.Batch > 0:
		parts = append(parts, fmt.Sprintf("%d x %d + %d", c.Batch, c.Visual, c.Text))
	case c.Visual > 0:
		parts = append(parts, fmt.Sprintf("%d + %d", c.Visual, c.Text))
	}
	if c.Permille > 0 {
		parts = append(parts, percent(c.Permille)+" %")
	}
	return strings.Join(parts, ", ")
}

// number has three digits that count.
func number(v float64) string {
	switch {
	case v >= 1000 || v <= -1000:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v == 0:
		return "0"
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// percent writes permilles without idle digits: 1000 is 100, 25 is 2.5.
func percent(permille int) string { return strconv.FormatFloat(float64(permille)/10, 'g', -1, 64) }
