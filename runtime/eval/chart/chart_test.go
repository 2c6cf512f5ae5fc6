package chart

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/eval"
)

func someReport() eval.Report {
	records := []eval.Record{}
	for i := range 20 {
		for _, task := range []string{"colour", "count"} {
			tokens := 0.5
			trial := func(policy string, permille int, score float64) eval.Trial {
				return eval.Trial{Policy: policy, Permille: permille, Score: score, Tokens: &tokens,
					Measures: eval.Measures{Recall: .25, Agreement: .5, KL: .125, KVBytes: 2048, PeakBytes: 3072, CompressSeconds: .01}}
			}
			half := float64(i % 2)
			records = append(records, eval.Record{Task: task, Index: i, PrefillSeconds: .5, KVBytesFull: 4096, Answers: []eval.Trial{
				trial(eval.FullName, 1000, 1), trial("AirCache", 100, half), trial("AirCache", 25, 0), trial("random", 100, 0), trial("random", 25, 0)}})
		}
	}
	s := eval.Settings{Tasks: []string{"colour", "count"}, Policies: []string{"AirCache", eval.FullName, "random"}, Permilles: []int{1000, 100, 25}}
	return eval.Summarise(s, records)
}

func TestEveryTaskIsDrawnInTwoFormats(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	if err := Write(someReport(), dir); err != nil {
		t.Fatal(err)
	}
	for _, task := range []string{"colour", "count", "all"} {
		picture, err := os.ReadFile(filepath.Join(dir, task+".png"))
		if err != nil {
			t.Fatal(err)
		}
		if c, err := png.DecodeConfig(bytes.NewReader(picture)); err != nil || c.Width < 600 {
			t.Errorf("%s.png: %+v, %v", task, c, err)
		}
		drawing, err := os.ReadFile(filepath.Join(dir, task+".svg"))
		if err != nil || !strings.Contains(string(drawing), "AirCache") || !strings.Contains(string(drawing), "full cache") {
			t.Errorf("%s.svg names not all: %v", task, err)
		}
	}
}

func TestTablesTellScoresAndCosts(t *testing.T) {
	table := string(Markdown(someReport()))
	for _, want := range []string{
		"### All tasks, 40 samples", "### Task colour, 20 samples",
		"| policy | 100 % | 10 % | 2.5 % |",
		"| full cache | 100.0 (83.9..100.0) | | |",
		"| AirCache | | 50.0 (29.9..70.1) | 0.0 (0.0..16.1) |",
		"| full cache | -50.0 (-63.4..-31.8) | -100.0 (-100.0..-87.3) |",
		"| random | +50.0 (+31.8..+63.4) | +0.0 (-4.7..+4.7) |",
		"| AirCache | 10 % | 50.0 | 0.250 | 0.500 | 0.125 | 2 KiB | 3 KiB | 10.00 ms | 2.0 % |",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("%q is missing in\n%s", want, table)
		}
	}
}

func TestAnEmptyReportIsRefused(t *testing.T) {
	if err := Write(eval.Report{}, t.TempDir()); err == nil {
		t.Error("nothing was drawn without an error")
	}
}
