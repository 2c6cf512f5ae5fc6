package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/bench/openloop"
)

func TestALoadOnTheTinyModelIsMeasured(t *testing.T) {
	s := serveTiny(t, func(*serveFlags) {})
	folder := t.TempDir()
	report := filepath.Join(folder, "load.json")
	out, err := execute("bench", "serve", "--url", s.api, "--rate", "20,40", "--requests", "6", "--questions", "3", "--warmup", "1", "--max-tokens", "8",
		"--ttft-ms", "60000", "--json", report, "--plots", folder)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var r openloop.Report
	if err := json.Unmarshal(b, &r); err != nil || len(r.Rates) != 2 || r.Model != "tiny" {
		t.Fatalf("%v: %+v", err, r)
	}
	for _, rate := range r.Rates {
		if rate.Requests != 6 || rate.Failed != 0 || rate.Goodput != 1 || rate.FirstToken.P50 <= 0 || rate.EndToEnd.P50 < rate.FirstToken.P50 {
			t.Errorf("got %+v", rate)
		}
	}
	if !strings.Contains(out, "goodput") {
		t.Errorf("got\n%s", out)
	}
	for _, name := range []string{"first-token.png", "between-tokens.svg", "end-to-end.png", "goodput.svg"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Error(err)
		}
	}
	s.stop()
}

func TestBadFlagsOfALoadNameTheFieldAndTheLimit(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"", "--url is"},
		{"--url localhost:8000", `--url is "localhost:8000", it must be http://host`},
		{"--url http://x --rate 0", "--rate is 0, it must be above 0"},
		{"--url http://x --rate NaN", "--rate is NaN"},
		{"--url http://x --requests 0", "--requests is 0, it must be from 1 to 1000000"},
		{"--url http://x --plots p", "--plots needs two rates"},
		{"--url http://x --ttft-ms -1", "--ttft-ms is -1"},
		{"--url http://127.0.0.1:1", "asking http://127.0.0.1:1"},
	} {
		if _, err := execute(append([]string{"bench", "serve"}, strings.Fields(c.args)...)...); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("aircache bench serve %s: got %v, want ...%s...", c.args, err, c.says)
		}
	}
}
