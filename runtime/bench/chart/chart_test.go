package chart

import (
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/bench"
)

func decoded(batch, permille int, value float64) bench.Figure {
	return bench.Figure{Case: stepCase(batch, 8192, permille), Unit: "ms", Value: value, Low: value - 0.1, High: value + 0.1, Repeats: 15, Floor: value / 2}
}

func report(figures ...bench.Figure) *bench.Report {
	return &bench.Report{Settings: bench.Settings{Model: "llava-onevision-7b, random weights", Device: "cuda (NVIDIA H100 80GB HBM3)",
		Ceilings: bench.Ceilings{Bytes: 3e12, Products: 790e12, Source: "told"}}, Figures: figures}
}

func TestALineTellsFigureFloorAndPeers(t *testing.T) {
	f := decoded(8, 100, 5)
	f.Peers = map[string]float64{"torch graph": 7.93}
	if got, want := Line(f), "decode    step                        8 x 8192 + 64, 10 %      5.00 ms (4.90..5.10)  floor 2.50, 50 %  torch graph 7.93"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	none := bench.Figure{Case: stepCase(32, 32768, 1000), Unit: "ms", Note: "does not fit"}
	if got := Line(none); !strings.HasSuffix(got, "does not fit") {
		t.Errorf("got %s", got)
	}
}

func TestTablesCompareWithTheFullCacheAndWithEqualLayers(t *testing.T) {
	equal, differ := decoded(8, 100, 5), decoded(8, 100, 5.1)
	equal.What, equal.Metric = "ragged", "step, equal layers"
	differ.What, differ.Metric = "ragged", "step, ragged layers"
	got := string(Markdown(report(decoded(8, 1000, 10), decoded(8, 100, 6), equal, differ)))
	for _, want := range []string{"| step, 8 x 8192 + 64, 10 % | 6.00 ms | 5.90 .. 6.10 | 3.00 | 50 % | -40 % to the full cache (floors: -40 %) |", "1.020x equal layers"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nshould say %q", got, want)
		}
	}
	if strings.Contains(got, "| note") {
		t.Error("a column without a word in it should be left out")
	}
}

func TestBarsTellReachedAndMissed(t *testing.T) {
	fast := decoded(32, 100, 6)
	fast.Peers = map[string]float64{"torch graph": 8.4}
	got := string(Markdown(report(decoded(32, 1000, 10), fast, decoded(1, 100, 7))))
	for _, want := range []string{
		"| step, 1 x 8192, 10 % | at most 6.20 ms | at most 5.30 ms | 7.00 ms | missed |",
		"| step, 32 x 8192, 10 % | at most 7.00 ms | at most 6.00 ms | 6.00 ms | goal reached |",
		"| cut to our full cache, 32 x 8192 | at least 38.0 % | at least 43.0 % | 40.0 % | bar reached |",
		"| against torch graph, 32 x 8192, 10 % | at least 1.00 x faster | at least 1.50 x faster | 1.40 x faster | bar reached |",
		"| prefill of 8192 tokens | at most 260 ms | at most 190 ms | not measured in this run | |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nshould say %q", got, want)
		}
	}
	other := report(fast)
	if other.Settings.Device = "cpu"; strings.Contains(string(Markdown(other)), "Bars") {
		t.Error("the bars speak of an H100")
	}
}

func TestAZeroGrowthOfMemoryIsAFigure(t *testing.T) {
	f := bench.Figure{Case: bench.Case{What: "memory", Metric: "growth", Permille: 100}, Unit: "MiB", Repeats: 2000, Note: "x"}
	if got := string(Markdown(report(f))); !strings.Contains(got, "| memory growth over 2000 mixed requests | at most 0 MiB | at most 0 MiB | 0 MiB | goal reached |") {
		t.Error(got)
	}
}

func TestFiguresStandBetweenTheTwoLines(t *testing.T) {
	text := []byte("# before\n" + string(begin) + "stale\n" + string(end) + "after\n")
	got, pictures, err := Document(text, "performance", []Named{{"h100", report(decoded(1, 100, 5), decoded(8, 100, 6))}})
	if err != nil {
		t.Fatal(err)
	}
	if s := string(got); !strings.HasPrefix(s, "# before\n"+string(begin)) || !strings.HasSuffix(s, string(end)+"after\n") || strings.Contains(s, "stale") ||
		!strings.Contains(s, "(performance/h100-steps-8192.png)") {
		t.Error(s)
	}
	if len(pictures) != 2 || !strings.HasSuffix(pictures[1].Name, ".svg") || len(pictures[0].Content) < 1000 {
		t.Errorf("%d pictures, a PNG and an SVG wanted", len(pictures))
	}
	if _, _, err := Document([]byte("nothing"), "x", nil); err == nil {
		t.Error("a document without the two lines should be refused")
	}
}

func TestReportsOfOneDeviceBecomeOne(t *testing.T) {
	other := report(decoded(1, 100, 9))
	other.Settings.Device = "cpu"
	got := Merge([]Named{{"steps", report(decoded(1, 100, 5))}, {"cpu", other}, {"again", report(decoded(1, 100, 6), decoded(8, 100, 7))}})
	if len(got) != 2 || got[0].Name != "steps" || len(got[0].Report.Figures) != 2 || got[0].Report.Figures[0].Value != 6 {
		t.Errorf("%+v", got)
	}
}
