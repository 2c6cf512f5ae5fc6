package chart

import (
	"bytes"
	"fmt"
	"strings"

	"aircache.dev/aircache/runtime/bench"
)

// bar is what a figure of the 7B LLaVA-OneVision on one H100 must reach, and what it aims at.
type bar struct {
	name      string
	bar, goal float64
	unit      string
	most      bool // bar and goal are upper limits
	value     func(*bench.Report) (float64, bool)
}

// Of the release.
var release = []bar{
	{"step, 1 x 8192, 10 %", 6.2, 5.3, "ms", true, step(1, 8192, 100)},
	{"step, 32 x 8192, 10 %", 7.0, 6.0, "ms", true, step(32, 8192, 100)},
	{"cut to our full cache, 16 x 8192", 25, 28, "%", false, cut(16, 8192)},
	{"cut to our full cache, 32 x 8192", 38, 43, "%", false, cut(32, 8192)},
	{"cut to our full cache, 16 x 32768", 52, 58, "%", false, cut(16, 32768)},
	{"against torch graph, 32 x 8192, full", 1, 1, "x faster", false, faster(32, 8192, 1000)},
	{"against torch graph, 32 x 8192, 10 %", 1, 1.5, "x faster", false, faster(32, 8192, 100)},
	{"sequences of 8192 held, 10 % to full", 6.5, 7.8, "x", false, held(8192)},
	{"compression, 8192, all layers", 2, 0.4, "ms", true, one(bench.Case{What: "compress", Metric: "all layers", Visual: 8192, Text: 64, Permille: 100})},
	{"prefill of 8192 tokens", 260, 190, "ms", true, one(bench.Case{What: "prefill", Metric: "prompt", Tokens: 8192})},
	{"ragged to equal layers, 32 x 8192, 10 %", 1.08, 1.02, "x", true, ragged(32, 8192)},
	{"memory growth over 2000 mixed requests", 0, 0, "MiB", true, growth(2000)},
}

// bars compares what there is with the bars, and says which were not measured; of a run that was made for one of them, only
// that. It writes nothing for another model or device.
func bars(b *bytes.Buffer, r *bench.Report) {
	if !strings.HasPrefix(r.Settings.Model, "llava-onevision-7b") || !strings.Contains(r.Settings.Device, "H100") {
		return
	}
	measured := 0
	for _, x := range release {
		if _, ok := x.value(r); ok {
			measured++
		}
	}
	if measured == 0 {
		return
	}
	b.WriteString("#### Bars of the release\n\n| figure | bar | goal | measured | |\n|---|---|---|---|---|\n")
	for _, x := range release {
		v, ok := x.value(r)
		if !ok && measured == 1 {
			continue
		}
		if !ok {
			fmt.Fprintf(b, "| %s | %s | %s | not measured in this run | |\n", x.name, limit(x, x.bar), limit(x, x.goal))
			continue
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s %s | %s |\n", x.name, limit(x, x.bar), limit(x, x.goal), number(v), x.unit, x.verdict(v))
	}
	b.WriteByte('\n')
}

func limit(x bar, v float64) string {
	sign := "at least"
	if x.most {
		sign = "at most"
	}
	return fmt.Sprintf("%s %s %s", sign, number(v), x.unit)
}

func (x bar) verdict(v float64) string {
	reaches := func(limit float64) bool { return x.most && v <= limit || !x.most && v >= limit }
	switch {
	case reaches(x.goal):
		return "goal reached"
	case reaches(x.bar):
		return "bar reached"
	}
	return "missed"
}

func stepCase(batch, visual, permille int) bench.Case {
	return bench.Case{What: "decode", Metric: "step", Batch: batch, Visual: visual, Text: 64, Permille: permille}
}

func one(c bench.Case) func(*bench.Report) (float64, bool) {
	return func(r *bench.Report) (float64, bool) {
		f, ok := r.Find(c)
		return f.Value, ok && f.Value > 0
	}
}

func step(batch, visual, permille int) func(*bench.Report) (float64, bool) {
	return one(stepCase(batch, visual, permille))
}

// ratio of two figures that are there.
func ratio(r *bench.Report, over, under bench.Case) (float64, bool) {
	a, okA := r.Find(over)
	b, okB := r.Find(under)
	if !okA || !okB || a.Value <= 0 || b.Value <= 0 {
		return 0, false
	}
	return a.Value / b.Value, true
}

func cut(batch, visual int) func(*bench.Report) (float64, bool) {
	return func(r *bench.Report) (float64, bool) {
		v, ok := ratio(r, stepCase(batch, visual, 100), stepCase(batch, visual, 1000))
		return 100 * (1 - v), ok
	}
}

func faster(batch, visual, permille int) func(*bench.Report) (float64, bool) {
	return func(r *bench.Report) (float64, bool) {
		f, _ := r.Find(stepCase(batch, visual, permille))
		peer := f.Peers["torch graph"]
		if f.Value <= 0 || peer <= 0 {
			return 0, false
		}
		return peer / f.Value, true
	}
}

func held(visual int) func(*bench.Report) (float64, bool) {
	return func(r *bench.Report) (float64, bool) {
		c := bench.Case{What: "capacity", Metric: "sequences", Visual: visual, Text: 64, Permille: 100}
		full := c
		full.Permille = 1000
		return ratio(r, c, full)
	}
}

func ragged(batch, visual int) func(*bench.Report) (float64, bool) {
	return func(r *bench.Report) (float64, bool) {
		equal, differ := stepCase(batch, visual, 100), stepCase(batch, visual, 100)
		equal.What, equal.Metric = "ragged", "step, equal layers"
		differ.What, differ.Metric = "ragged", "step, ragged layers"
		return ratio(r, differ, equal)
	}
}

// growth needs at least so many requests.
func growth(requests int) func(*bench.Report) (float64, bool) {
	return func(r *bench.Report) (float64, bool) {
		for _, f := range r.Figures {
			if f.What == "memory" && f.Repeats >= requests {
				return f.Value, true
			}
		}
		return 0, false
	}
}
