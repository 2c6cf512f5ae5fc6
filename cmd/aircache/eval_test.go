package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/eval"
)

// runCommand calls the command as a user would.
func runCommand(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := root()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetContext(t.Context())
	err := cmd.Execute()
	return out.String(), err
}

func readReport(t *testing.T, name string) (report eval.Report) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(b, &report)
	}
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// withoutSeconds leaves what must be the same in every run.
func withoutSeconds(report eval.Report) eval.Report {
	report.Rows = slices.Clone(report.Rows)
	for i := range report.Rows {
		report.Rows[i].PrefillSeconds, report.Rows[i].CompressSeconds = 0, 0
	}
	return report
}

func TestEvalGivesTheSameReportFromAnyNumberOfWorkers(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one.json"), filepath.Join(dir, "two.json")
	ask := func(out, samples, workers string) {
		t.Helper()
		text, err := runCommand(t, "eval", "--model", tinyModel, "--tasks", "colour,list-row", "--policies", "AirCache",
			"--retentions", "100,5", "--samples", samples, "--workers", workers, "--json", out)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	}
	ask(one, "2", "2")
	ask(two, "1", "1")
	ask(two, "2", "1") // goes on
	a, b := readReport(t, one), readReport(t, two)
	if !reflect.DeepEqual(withoutSeconds(a), withoutSeconds(b)) {
		t.Errorf("two workers\n%+v\none worker, in two parts\n%+v", a, b)
	}
	full := a.Rows[len(a.Rows)-2]
	if full.Task != eval.AllTasks || full.Policy != eval.FullName || full.Score.Value != 1 {
		t.Errorf("the full cache answers %+v", full)
	}
	if kept := a.Rows[len(a.Rows)-1]; kept.KVBytes*2 > kept.KVBytesFull || kept.CompressSeconds == 0 {
		t.Errorf("at 5 %% %d of %d bytes are kept", kept.KVBytes, kept.KVBytesFull)
	}
	_, err := runCommand(t, "eval", "--model", tinyModel, "--tasks", "colour", "--policies", "AirCache",
		"--retentions", "100,5", "--samples", "2", "--workers", "1", "--json", one)
	if err == nil || !strings.Contains(err.Error(), "tasks: colour,list-row then, colour now") {
		t.Errorf("other tasks: %v", err)
	}
}

func TestEvalNamesTheWrongFlag(t *testing.T) {
	for want, args := range map[string][]string{
		"--model":        {"--json", "x"},
		"--json":         {"--model", "x"},
		"--samples is 0": {"--model", "x", "--json", "x", "--samples", "0"},
		"--policies":     {"--model", "x", "--json", "x", "--policies", "poetry"},
		"--retentions":   {"--model", "x", "--json", "x", "--policies", "Full", "--retentions", "101"},
		"--tasks":        {"--model", "x", "--json", "x", "--policies", "Full", "--tasks", "poetry"},
		"--set":          {"--model", "x", "--json", "x", "--policies", "Full", "--set", "/nowhere"},
	} {
		if _, err := runCommand(t, append([]string{"eval"}, args...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", args, err, want)
		}
	}
}
