package cpu

import (
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/backend/backendtest"
)

// tolerance is what float32 sums of a few thousand terms need.
const tolerance = 2e-5

// libraries are the matrix libraries of this machine. OpenBLAS is tested wherever it is present.
func libraries(t testing.TB) []BLAS {
	all := []BLAS{Gonum}
	if b, err := New(Options{BLAS: OpenBLAS}); err == nil {
		all = append(all, OpenBLAS)
		closeBackend(t, b)
	} else {
		t.Logf("only gonum is tested: %v", err)
	}
	return all
}

func closeBackend(t testing.TB, b *Backend) {
	if err := b.Close(); err != nil {
		t.Errorf("closing the backend: %v", err)
	}
}

func TestAgainstNaiveLoops(t *testing.T) {
	for _, library := range libraries(t) {
		for _, threads := range []int{1, 3} {
			t.Run(string(library)+" on "+string(rune('0'+threads))+" threads", func(t *testing.T) {
				backendtest.Run(t, tolerance, func(t testing.TB) backend.Backend {
					b, err := New(Options{Threads: threads, BLAS: library})
					if err != nil {
						t.Fatal(err)
					}
					return b
				})
			})
		}
	}
}

func TestNameTellsTheLibrary(t *testing.T) {
	for _, library := range libraries(t) {
		b, err := New(Options{BLAS: library})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(b.Name(), string(library)) {
			t.Errorf("backend on %s calls itself %q", library, b.Name())
		}
		closeBackend(t, b)
	}
}

func TestOptionsAreRefusedByName(t *testing.T) {
	for want, o := range map[string]Options{`"mkl"`: {BLAS: "mkl"}, "-1 threads": {Threads: -1}} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("opening with %+v says %v, it should name %s", o, err, want)
		}
	}
}
