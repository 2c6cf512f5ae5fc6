package build

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const stampFolder = ".stamps"

// stamp sums up everything that decides the bytes of p. The root module's sums
// are left out for pause: it imports nothing and others edit them all day.
func (b *Builder) stamp(p Program, goVersion string, args []string) (string, error) {
	var files []string
	if p.Module != "." {
		files = append(files, filepath.Join(b.Repo, p.Module, "go.mod"), filepath.Join(b.Repo, p.Module, "go.sum"))
	}
	if p.Sources != "" {
		sources, err := filepath.Glob(filepath.Join(b.Repo, p.Sources, "*.go"))
		if err != nil {
			return "", fmt.Errorf("listing the sources of %s: %w", p.Name, err)
		}
		slices.Sort(sources)
		files = append(files, sources...)
	}
	sum := sha256.New()
	// The output's place does not change what is in it.
	relevant := strings.ReplaceAll(strings.Join(args, "\n"), b.Out, "")
	fmt.Fprintf(sum, "%s\n%s\n%s\n", goVersion, relevant, environment(p))
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			return "", fmt.Errorf("stamping %s: %w", p.Name, err)
		}
		fmt.Fprintf(sum, "%s %d\n", filepath.Base(f), len(content))
		sum.Write(content)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func (b *Builder) isUpToDate(p Program, stamp string) bool {
	if _, err := os.Stat(filepath.Join(b.Out, p.Name)); err != nil {
		return false
	}
	old, err := os.ReadFile(b.stampPath(p))
	return err == nil && string(old) == stamp
}

func (b *Builder) writeStamp(p Program, stamp string) error {
	if err := os.WriteFile(b.stampPath(p), []byte(stamp), 0o644); err != nil {
		return fmt.Errorf("stamping %s: %w", p.Name, err)
	}
	return nil
}

func (b *Builder) stampPath(p Program) string {
	return filepath.Join(b.Out, stampFolder, p.Name)
}
