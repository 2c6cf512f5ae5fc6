package build

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"aircache.dev/aircache/hack/lab/cluster"
)

// crdFolders of Karpenter's module: its own types, and those of its KWOK provider.
var crdFolders = []string{"pkg/apis/crds", "kwok/apis/crds"}

// WriteKarpenterCRDs copies Karpenter's types out of its module into one file beside the binaries.
func (b *Builder) WriteKarpenterCRDs(ctx context.Context) error {
	dir, err := b.moduleFolder(ctx, "hack/karpenter", karpenter)
	if err != nil {
		return err
	}
	merged, err := mergeCRDs(dir)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(b.Out, cluster.KarpenterCRDs), merged, 0o644); err != nil {
		return fmt.Errorf("writing Karpenter's types: %w", err)
	}
	return nil
}

func mergeCRDs(root string) ([]byte, error) {
	var merged bytes.Buffer
	for _, folder := range crdFolders {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.yaml"))
		if err != nil {
			return nil, fmt.Errorf("listing Karpenter's types: %w", err)
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("reading Karpenter's types: none in %s", filepath.Join(root, folder))
		}
		for _, f := range files {
			content, err := os.ReadFile(f)
			if err != nil {
				return nil, fmt.Errorf("reading Karpenter's types: %w", err)
			}
			merged.WriteString("---\n")
			merged.Write(bytes.TrimPrefix(content, []byte("---\n")))
		}
	}
	return merged.Bytes(), nil
}
