package chart

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/bench"
)

// TestTheDocumentShowsTheCommittedFigures: what aircache bench plot would write into docs/performance.md is what stands there.
func TestTheDocumentShowsTheCommittedFigures(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	text, err := os.ReadFile(filepath.Join(root, "docs", "performance.md"))
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`aircache bench plot --doc docs/performance.md --json (\S+)`).FindSubmatch(text)
	if command == nil {
		t.Fatal("docs/performance.md does not say which files it was drawn from")
	}
	var reports []Named
	for _, name := range strings.Split(string(command[1]), ",") {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		r := &bench.Report{}
		if err := json.Unmarshal(b, r); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		reports = append(reports, Named{strings.TrimSuffix(filepath.Base(name), ".json"), r})
	}
	want, pictures, err := Document(text, "performance", Merge(reports))
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(text) {
		t.Error("docs/performance.md does not show its files' figures: run the command that it gives")
	}
	for _, p := range pictures {
		if _, err := os.Stat(filepath.Join(root, "docs", "performance", p.Name)); err != nil {
			t.Error(err)
		}
	}
}
