package build

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Builder compiles programs of a repository into a folder.
type Builder struct {
	Repo string
	Out  string
	Log  io.Writer
	Now  func() time.Time
}

// Build brings every program up to date and prints a line with its time and size.
func (b *Builder) Build(ctx context.Context, list []Program) error {
	if err := os.MkdirAll(filepath.Join(b.Out, stampFolder), 0o755); err != nil {
		return fmt.Errorf("creating the folder for binaries: %w", err)
	}
	unlock, err := b.lock()
	if err != nil {
		return err
	}
	defer unlock()
	goVersion, err := exec.CommandContext(ctx, "go", "env", "GOVERSION").Output()
	if err != nil {
		return fmt.Errorf("asking go for its version: %w", err)
	}
	start, built := b.Now(), 0
	for i, p := range list {
		done, err := b.one(ctx, p, strings.TrimSpace(string(goVersion)), fmt.Sprintf("[%d/%d]", i+1, len(list)))
		if err != nil {
			return err
		}
		if done {
			built++
		}
	}
	fmt.Fprintf(b.Log, "lab: %d programs built, %d up to date, %.1f s\n", built, len(list)-built, b.Now().Sub(start).Seconds())
	return nil
}

// one compiles p unless its stamp says that nothing changed.
func (b *Builder) one(ctx context.Context, p Program, goVersion, progress string) (bool, error) {
	args, err := b.arguments(p)
	if err != nil {
		return false, err
	}
	stamp, err := b.stamp(p, goVersion, args)
	if err != nil {
		return false, err
	}
	target := filepath.Join(b.Out, p.Name)
	if b.isUpToDate(p, stamp) {
		return false, nil
	}
	fmt.Fprintf(b.Log, "lab: %s %-24s ", progress, p.Name)
	start := b.Now()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(b.Repo, p.Module)
	cmd.Env = append(os.Environ(), environment(p)...)
	if output, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintln(b.Log, "failed")
		return false, fmt.Errorf("building %s: %w\n%s", p.Name, err, output)
	}
	info, err := os.Stat(target)
	if err != nil {
		return false, fmt.Errorf("building %s: %w", p.Name, err)
	}
	fmt.Fprintf(b.Log, "%7.1f s %7.1f MB\n", b.Now().Sub(start).Seconds(), float64(info.Size())/1e6)
	return true, b.writeStamp(p, stamp)
}

// arguments of `go` that build p.
func (b *Builder) arguments(p Program) ([]string, error) {
	ldflags := "-s -w"
	if p.LDFlags != "" {
		ldflags += " " + p.LDFlags
	}
	if p.Version != "" {
		gomod, err := os.ReadFile(filepath.Join(b.Repo, p.Module, "go.mod"))
		if err != nil {
			return nil, fmt.Errorf("building %s: %w", p.Name, err)
		}
		version, err := requiredVersion(string(gomod), p.Version)
		if err != nil {
			return nil, fmt.Errorf("building %s: %w", p.Name, err)
		}
		for _, v := range p.Vars {
			ldflags += " -X " + fillIn(v, version)
		}
	}
	args := []string{"build", "-o", filepath.Join(b.Out, p.Name), "-ldflags", ldflags}
	if p.Tags != "" {
		args = append(args, "-tags", p.Tags)
	}
	return append(args, p.Package), nil
}

// fillIn puts a version such as v1.37.2 into a linker variable.
func fillIn(variable, version string) string {
	bare := strings.TrimPrefix(version, "v")
	major, rest, _ := strings.Cut(bare, ".")
	minor, _, _ := strings.Cut(rest, ".")
	return strings.NewReplacer("{version}", version, "{bare}", bare, "{major}", major, "{minor}", minor).Replace(variable)
}

// environment gives all programs the flags of the project's own builds and
// tests: the compiled client-go and API machinery are then shared with them.
func environment(p Program) []string {
	cgo := "0"
	if p.CGO {
		cgo = "1"
	}
	return []string{"CGO_ENABLED=" + cgo, "GOFLAGS=-trimpath -buildvcs=false -mod=readonly", "GOWORK=off"}
}

// requiredVersion finds what a go.mod requires of a module.
func requiredVersion(gomod, module string) (string, error) {
	for line := range strings.Lines(gomod) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) >= 2 && fields[0] == module && strings.HasPrefix(fields[1], "v") {
			return fields[1], nil
		}
	}
	return "", fmt.Errorf("reading go.mod: %s is not required", module)
}

// lock makes a second build wait: both would write the same files.
func (b *Builder) lock() (func(), error) {
	file, err := os.OpenFile(filepath.Join(b.Out, stampFolder, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", b.Out, err)
	}
	if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		fmt.Fprintf(b.Log, "lab: waiting for another build into %s\n", b.Out)
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
			return nil, fmt.Errorf("locking %s: %w", b.Out, err)
		}
	}
	return func() { file.Close() }, nil
}
