package v1alpha1_test

import (
	"os"
	"path/filepath"
	"testing"

	"aircache.dev/aircache/controllers/testkit"
)

// TestCRDsStaySmall: a CRD beyond 256 KiB breaks `kubectl apply`, and every API server holds it in memory; 64 KiB leaves room for both.
func TestCRDsStaySmall(t *testing.T) {
	const limit = 64 << 10
	files, err := filepath.Glob(testkit.RepositoryPath("config", "crd", "aircache.dev_*.yaml"))
	if err != nil || len(files) != 2 {
		t.Fatalf("found %d CRDs, want 2: %v", len(files), err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() >= limit {
			t.Errorf("%s has %d bytes, the limit is %d", filepath.Base(file), info.Size(), limit)
		}
	}
}
