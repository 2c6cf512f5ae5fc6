package cuda_test

import (
	"path/filepath"
	"testing"

	"aircache.dev/aircache/cuda"
	"aircache.dev/aircache/runtime/parity"
)

// TestLlavaOnevisionEqualsTransformers goes from pictures and questions to answers: one tile, a grid of tiles, a strip, two pictures, none. Weights are
// bfloat16 values, so that the tolerance is of the computation alone.
func TestLlavaOnevisionEqualsTransformers(t *testing.T) {
	for name, path := range cuda.Devices(t) {
		for _, family := range []string{"llava-onevision-64", "llava-onevision-128"} {
			t.Run(name+" "+family, func(t *testing.T) {
				device, err := cuda.Open(cuda.Options{Library: path})
				if err != nil {
					t.Fatal(err)
				}
				defer device.Close()
				folder := filepath.Join(cuda.Root(), "runtime", "parity", "testdata", family)
				parity.Journey{Model: filepath.Join(folder, "model"), Goldens: folder, Device: device, Tolerance: logitTolerance}.Run(t)
			})
		}
	}
}
