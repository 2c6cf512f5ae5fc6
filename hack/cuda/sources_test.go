package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAChangedHeaderChangesTheFingerprintOfWhatIncludesIt(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	source := write("src/a.cu", "#include \"../kernels/a.cuh\"\n#include <stdio.h>\n")
	alone := write("src/b.cu", "int b;\n")
	write("kernels/a.cuh", "  # include \"c.cuh\"\n")
	write("kernels/c.cuh", "int c;\n")
	of := func(file string, words ...string) string {
		t.Helper()
		sum, err := fingerprint(file, words...)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	first, other := of(source, "-O3"), of(alone, "-O3")
	if of(source, "-O3") != first || of(source, "-O2") == first {
		t.Error("the fingerprint does not tell flags apart, or changes by itself")
	}
	write("kernels/c.cuh", "long c;\n")
	if of(source, "-O3") == first || of(alone, "-O3") != other {
		t.Error("a header two steps away does not count, or one that is not included does")
	}
}
