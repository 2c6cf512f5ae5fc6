package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"aircache.dev/aircache/runtime/bench"
)

// writeText writes a file of a test's own and gives its name.
func writeText(t *testing.T, name, text string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestBenchMeasuresTheTinyModelBesidePeersAndPlotsIt(t *testing.T) {
	out := filepath.Join(t.TempDir(), "tiny.json")
	peers := writeText(t, "peers.json", `{"versions":{"torch":"2.11.0"},"figures":[
	 {"peer":"torch graph","what":"decode","metric":"step","batch":2,"visual":64,"text":16,"permille":100,"unit":"ms","value":7.5}]}`)
	text, err := runCommand(t, "bench", "--shape", "tiny", "--backend", "cpu", "--what", "decode,capacity", "--batch", "1,2", "--visual", "64", "--text", "16", "--repeat", "2",
		"--kv-cache-bytes", "20000000", "--bandwidth", "1e10", "--flops", "1e11", "--peer", peers, "--json", out)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if !strings.Contains(text, "torch graph 7.50") || !strings.Contains(text, "tiny, random weights on ") {
		t.Errorf("%s\nshould have the model, the device and the peer's figure", text)
	}
	var report bench.Report
	b, err := os.ReadFile(out)
	if err == nil {
		err = json.Unmarshal(b, &report)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := bench.Case{What: "decode", Metric: "step", Batch: 2, Visual: 64, Text: 16, Permille: 100}
	if f, ok := report.Find(c); !ok || f.Value <= 0 || f.Floor <= 0 || f.Repeats != 2 || f.Peers["torch graph"] != 7.5 || len(report.Figures) != 6 {
		t.Errorf("%d figures, of %+v: %+v", len(report.Figures), c, f)
	}
	if s := report.Settings; s.Device == "" || s.Host == "" || s.Versions["torch"] != "2.11.0" || s.Ceilings.Source != "told" {
		t.Errorf("the settings are %+v", s)
	}

	document := writeText(t, "speed.md", "# Speed\n<!-- figures: written by aircache bench plot -->\n<!-- end of figures -->\n")
	if text, err := runCommand(t, "bench", "plot", "--json", out, "--doc", document); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	b, err = os.ReadFile(document)
	if err != nil || !strings.Contains(string(b), "speed/tiny-steps-64.png") {
		t.Errorf("%v: %s\nshould show the picture", err, b)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(document), "speed", "tiny-steps-64.png")); err != nil {
		t.Error(err)
	}
}

func TestBadFlagsOfBenchNameTheFieldAndTheLimit(t *testing.T) {
	quick := " --backend cpu --shape tiny --bandwidth 1e9 --flops 1e9"
	for args, says := range map[string]string{
		"bench":                                   "--model or --shape is required",
		"bench --model m --shape tiny":            "only one of them",
		"bench --shape 70b":                       `--shape: looking for a model's shape: "70b" is not known`,
		"bench --shape tiny --backend tpu":        `--backend is "tpu", it must be auto or cpu or cuda`,
		"bench --shape tiny --threads 1025":       "--threads is 1025, it must be from 0 to 1024",
		"bench --shape tiny --kv-cache-bytes -1":  "--kv-cache-bytes is -1",
		"bench --shape tiny --retention 0":        "--retention: retention 0 %",
		"bench --shape tiny --policy TGV":         `--policy is "TGV", it must be AirCache`,
		"bench --shape tiny --peer /no/such/file": "--peer: open /no/such/file",
		"bench --shape tiny --batch many":         `--batch is "many", which is no intSlice: sequences of a decode step, 1 to 1024`,
		"bench --batch 0" + quick:                 "batch: 0 is outside 1..1024",
		"bench --what speed" + quick:              `what: "speed" is not known`,
		"bench --tokens 4096" + quick:             "tokens: 4096 is outside 1..4095",
		"bench --rate 0" + quick:                  "rate: 0 requests a second",
		"bench --kv-cache-bytes 99" + quick:       "pool: 99 bytes do not hold a page of each layer",
		"bench plot":                              "--json and --doc are required",
		"bench plot --json /no/file --doc x":      "reading a report",
	} {
		if _, err := runCommand(t, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, the error should say %q", args, err, says)
		}
	}
}

func TestDriverVersionIsReadFromTheDriversOwnWords(t *testing.T) {
	for text, want := range map[string]string{
		"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build\nGCC version: 13": "580.159.04",
		"NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.57.02  Tue Jul":                                  "470.57.02",
		"": "",
	} {
		if got := driverVersion(fstest.MapFS{"proc/driver/nvidia/version": {Data: []byte(text)}}); got != want {
			t.Errorf("%q is read from %q, %q wanted", got, text, want)
		}
	}
}
