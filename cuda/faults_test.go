package cuda

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/backend"
)

// compiled is a shared library of C functions, each returning a number.
func compiled(t *testing.T, functions map[string]int) string {
	t.Helper()
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skipf("a foreign library cannot be made: %v", err)
	}
	var source strings.Builder
	for name, value := range functions {
		fmt.Fprintf(&source, "int %s(void) { return %d; }\n", name, value)
	}
	dir := t.TempDir()
	from, to := filepath.Join(dir, "library.c"), filepath.Join(dir, libraryName)
	if err := os.WriteFile(from, []byte(source.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(compiler, "-shared", "-fPIC", "-o", to, from).CombinedOutput(); err != nil {
		t.Fatalf("compiling a library: %v\n%s", err, out)
	}
	return to
}

// entryPoints is a library that has them all and speaks a version.
func entryPoints(version int) map[string]int {
	functions := map[string]int{}
	for name := range (&library{}).symbols() {
		functions[name] = codeArgument
	}
	functions["aircache_abi"] = version
	return functions
}

func TestALibraryThatDoesNotFitIsRefused(t *testing.T) {
	torn := filepath.Join(t.TempDir(), libraryName)
	if err := os.WriteFile(torn, []byte("\x7fELF, and then nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	older := entryPoints(abiVersion)
	delete(older, "aircache_compress")
	for name, c := range map[string]struct{ path, says string }{
		"not there":          {filepath.Join(t.TempDir(), "none.so"), "no such file"},
		"torn":               {torn, "opening the CUDA library"},
		"foreign":            {compiled(t, map[string]int{"unrelated": 0}), "build it from this program's commit"},
		"without a function": {compiled(t, older), "has no aircache_compress: build it from this program's commit"},
		"of another version": {compiled(t, entryPoints(abiVersion+1)), fmt.Sprintf("speaks version %d, this program %d: build both from one commit", abiVersion+1, abiVersion)},
	} {
		_, err := Open(Options{Library: c.path})
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "opening the cuda backend") {
			t.Errorf("%s: %v, the error should say %q", name, err, c.says)
		}
		if errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: counts as a machine without a GPU, so that --backend auto would pass it over: %v", name, err)
		}
	}
}

func TestWhatNoKernelTakesIsRefusedWithNeedAndHave(t *testing.T) {
	pool := func(h backend.Heads) backend.Pool {
		return backend.Pool{Pages: 8, Heads: h, Layers: 2, Sequences: 2, Rows: 64}
	}
	huge := pool(backend.Heads{Query: 8, KV: 8, Dim: 128})
	huge.Pages = 1 << 28
	for name, path := range devices(t) {
		b := open(t, path)
		for says, p := range map[string]backend.Pool{
			"the attention kernels have head dims 64 and 128, the model has 96":         pool(backend.Heads{Query: 4, KV: 2, Dim: 96}),
			"the attention kernels take 8 query heads a KV head, the model has 16":      pool(backend.Heads{Query: 32, KV: 2, Dim: 64}),
			"268435456 pages need 16384.000 GiB, ":                                      huge,
			"reserving 8 pages, 2 layers, 2 sequences of 64 rows, 3/2 heads: none may ": pool(backend.Heads{Query: 3, KV: 2, Dim: 64}),
		} {
			if err := b.Reserve(p); err == nil || !strings.Contains(err.Error(), says) || errors.Is(err, ErrDeviceLost) {
				t.Errorf("%s: %+v: %v, the error should say %q", name, p, err, says)
			}
		}
		if err := b.Reserve(pool(backend.Heads{Query: 8, KV: 1, Dim: 64})); err != nil {
			t.Errorf("%s: after what was refused: %v", name, err)
		}
		qkv, err := b.Alloc(4, 3*200, backend.Working)
		if err != nil {
			t.Fatal(err)
		}
		mixed, err := b.Alloc(4, 200, backend.Working)
		if err != nil {
			t.Fatal(err)
		}
		b.Mix(mixed, qkv, 1, backend.Heads{Query: 1, KV: 1, Dim: 200})
		if err := b.Sync(); err == nil || !strings.Contains(err.Error(), "the model has 200") {
			t.Errorf("%s: mixing heads of 200 gives %v", name, err)
		}
		if err := b.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMemoryThatTheGPUDoesNotHaveIsAnErrorThatLeavesItUsable(t *testing.T) {
	for name, path := range devices(t) {
		b := open(t, path)
		if _, err := b.Alloc(1<<20, 1<<20, backend.Exact); err == nil || !strings.Contains(err.Error(), "4096.000 GiB are needed, ") || !strings.Contains(err.Error(), "GiB are free on the GPU") {
			t.Errorf("%s: %v", name, err)
		}
		x, err := b.Alloc(1, 8, backend.Exact)
		if err != nil {
			t.Fatalf("%s: after what did not fit: %v", name, err)
		}
		got, want := make([]float32, 8), []float32{1, 2, 3, 4, 5, 6, 7, 8}
		b.Write(x, want)
		if b.Read(got, x); !slices.Equal(got, want) {
			t.Errorf("%s: wrote %v, read %v", name, want, got)
		}
		if err := b.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
