package cuda

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/backend/backendtest"
)

// tolerance is what bfloat16 results need: cuBLASLt rounds once before it adds a bias, to steps of 2^-6 between 2 and 4.
const tolerance = 1.0 / 64

// shapes are those of models: 4/2 the tiny one's, 28/4 LLaVA-OneVision-7B's, 72 its vision tower's, 80 those of Qwen2-VL.
var shapes = backendtest.Shapes{
	Cache: []backend.Heads{{Query: 4, KV: 2, Dim: 64}, {Query: 7, KV: 1, Dim: 128}, {Query: 3, KV: 3, Dim: 128}},
	Mix:   []backend.Heads{{Query: 4, KV: 4, Dim: 64}, {Query: 2, KV: 2, Dim: 72}, {Query: 2, KV: 2, Dim: 80}, {Query: 4, KV: 2, Dim: 128}},
}

// root is the repository's: where this file was compiled, or from a test's working directory where the program was carried off.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	if dir := filepath.Dir(filepath.Dir(file)); filepath.IsAbs(dir) {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
	}
	return ".."
}

// devices are the libraries that can run here: the GPU's where there is one, and the simulated one.
func devices(t *testing.T) map[string]string {
	found := map[string]string{}
	if named := os.Getenv(libraryVariable); named != "" {
		found["gpu"] = named
		return found
	}
	if path := filepath.Join(root(), "bin", "cuda", libraryName); tryOpen(path) == nil {
		found["gpu"] = path
	} else {
		t.Logf("NOTE: no GPU is tested: %v", tryOpen(path))
	}
	if path := filepath.Join(root(), "bin", "cuda", "simt", libraryName); tryOpen(path) == nil {
		found["simulated"] = path
	} else {
		t.Logf("NOTE: no simulated GPU is tested (`make cuda-check` builds it): %v", tryOpen(path))
	}
	if len(found) == 0 {
		t.Skip("there is no CUDA library that runs here")
	}
	return found
}

func tryOpen(path string) error {
	b, err := Open(Options{Library: path})
	if err != nil {
		return err
	}
	return b.Close()
}

func open(t testing.TB, path string) *Backend {
	t.Helper()
	b, err := Open(Options{Library: path})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAgainstNaiveLoops(t *testing.T) {
	for name, path := range devices(t) {
		t.Run(name, func(t *testing.T) {
			backendtest.RunShapes(t, shapes, tolerance, func(t testing.TB) backend.Backend { return open(t, path) })
		})
	}
}
