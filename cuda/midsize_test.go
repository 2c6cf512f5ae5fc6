package cuda_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"aircache.dev/aircache/cuda"
	"aircache.dev/aircache/runtime/parity"
)

const (
	// midsizeFactor is how much farther from float32 our bfloat16 logits may be than transformers' bfloat16 logits are. Both round at
	// about as many places; which way a value falls is chance.
	midsizeFactor = 1.25
	// midsizeTolerance is for single logits of eight layers, as a share of the range of their row.
	midsizeTolerance = 1.0 / 32
)

// TestMidsizeIsAsNearToFloat32AsTransformersInBfloat16 reads what hack/parity/midsize.py wrote about one family, on the same machine.
func TestMidsizeIsAsNearToFloat32AsTransformersInBfloat16(t *testing.T) {
	folder := os.Getenv("AIRCACHE_PARITY_MIDSIZE")
	if folder == "" {
		t.Skip("AIRCACHE_PARITY_MIDSIZE names no folder of hack/parity/midsize.py")
	}
	for name, path := range cuda.Devices(t) {
		t.Run(name, func(t *testing.T) {
			device, err := cuda.Open(cuda.Options{Library: path})
			if err != nil {
				t.Fatal(err)
			}
			defer device.Close()
			cases := parity.Journey{Model: filepath.Join(folder, "model"), Goldens: folder, Device: device, Tolerance: midsizeTolerance}.Run(t)
			for _, c := range cases {
				t.Logf("distance to float32: %-22s %5d tokens, pictures %v: ours %.5f, transformers' bfloat16 %.5f: %.2f of it", c.Name, c.Tokens, c.Visual, c.Ours, c.Theirs, c.Ours/c.Theirs)
				if !(c.Ours <= midsizeFactor*c.Theirs) {
					t.Errorf("%s: our logits are off by %.5f of their spread, transformers' in bfloat16 by %.5f: %g times that is allowed", c.Name, c.Ours, c.Theirs, midsizeFactor)
				}
			}
			report(t, folder, device.Name(), cases)
		})
	}
}

// report writes what is committed under cuda/parity/results.
func report(t *testing.T, folder, device string, cases []parity.Distance) {
	name := os.Getenv("AIRCACHE_PARITY_REPORT")
	if name == "" {
		return
	}
	var made struct {
		With map[string]string `json:"made_with"`
	}
	content, err := os.ReadFile(filepath.Join(folder, "cases.json"))
	if err == nil {
		err = json.Unmarshal(content, &made)
	}
	if err == nil {
		content, err = json.MarshalIndent(map[string]any{"backend": device, "against": made.With, "allowed": midsizeFactor, "cases": cases}, "", " ")
	}
	if err == nil {
		err = os.WriteFile(name, append(content, '\n'), 0o644)
	}
	if err != nil {
		t.Fatalf("writing the report: %v", err)
	}
}
