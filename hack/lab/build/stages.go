package build

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// StagesFile is where the built lab keeps KWOK's rules.
const StagesFile = "kwok-stages.yaml"

// stageFolders of KWOK's module: nodes become Ready and stay so, pods run, end
// and are deleted at once. The program itself has no rules built in.
var stageFolders = []string{"node/fast", "node/heartbeat-with-lease", "pod/fast"}

// WriteStages copies KWOK's rules out of its module into one file beside the binaries.
func (b *Builder) WriteStages(ctx context.Context) error {
	dir, err := b.moduleFolder(ctx, "hack/kwok", "sigs.k8s.io/kwok")
	if err != nil {
		return err
	}
	merged, err := mergeStages(filepath.Join(dir, "kustomize/stage"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(b.Out, StagesFile), merged, 0o644); err != nil {
		return fmt.Errorf("writing KWOK's stages: %w", err)
	}
	return nil
}

// moduleFolder is where the go command keeps the sources of a module that folder requires.
func (b *Builder) moduleFolder(ctx context.Context, folder, module string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module)
	cmd.Dir = filepath.Join(b.Repo, folder)
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
	dir, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("finding the module %s: %w", module, err)
	}
	return strings.TrimSpace(string(dir)), nil
}

func mergeStages(root string) ([]byte, error) {
	var merged bytes.Buffer
	for _, folder := range stageFolders {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.yaml"))
		if err != nil {
			return nil, fmt.Errorf("listing KWOK's stages: %w", err)
		}
		for _, f := range files {
			content, err := os.ReadFile(f)
			if err != nil {
				return nil, fmt.Errorf("reading KWOK's stages: %w", err)
			}
			if bytes.Contains(content, []byte("\nkind: Stage\n")) {
				merged.WriteString("---\n")
				merged.Write(content)
			}
		}
	}
	if merged.Len() == 0 {
		return nil, fmt.Errorf("reading KWOK's stages: none in %s", root)
	}
	return merged.Bytes(), nil
}
