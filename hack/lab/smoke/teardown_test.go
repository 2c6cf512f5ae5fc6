//go:build e2e

package smoke

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTeardown runs outside of any lab: LAB names the launcher.
func TestTeardown(t *testing.T) {
	launcher := os.Getenv("LAB")
	if launcher == "" {
		t.Fatal("LAB is not set: run make lab-smoke")
	}
	for name, end := range map[string]syscall.Signal{
		"Ctrl-C ends the command and leaves nothing behind": syscall.SIGINT,
		"kill -9 of the launcher leaves nothing behind":     syscall.SIGKILL,
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), launcher, "run", "-node", "real", "--", "sleep", "600")
			dir := startLab(t, cmd)
			cgroups, err := filepath.Glob("/sys/fs/cgroup/*/" + filepath.Base(dir))
			if err != nil || len(cgroups) == 0 {
				t.Fatalf("the lab has no cgroup to look for: %v", err)
			}
			if err := cmd.Process.Signal(end); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err == nil {
				t.Error("an interrupted lab must not end with success")
			}
			for _, path := range append(cgroups, dir) {
				waitFor(t, path+" to go away", func() bool { _, err := os.Stat(path); return errors.Is(err, fs.ErrNotExist) })
			}
			waitFor(t, "all processes to end", func() bool { return len(commandsWith(t, dir)) == 0 })
		})
	}
}

// startLab waits until the lab is ready and returns its state folder.
func startLab(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var seen []string
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		seen = append(seen, lines.Text())
		if _, kubeconfig, ok := strings.Cut(lines.Text(), "KUBECONFIG="); ok {
			go func() {
				for lines.Scan() { // so that the lab never blocks on its messages
				}
			}()
			return filepath.Dir(kubeconfig)
		}
	}
	t.Fatalf("the lab did not start:\n%s", strings.Join(seen, "\n"))
	return ""
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.After(30 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-limit:
			t.Errorf("waited in vain for %s", what)
			return
		case <-tick.C:
		}
	}
}

// commandsWith lists running commands that mention the state folder.
func commandsWith(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			continue // ended meanwhile
		}
		if command := strings.ReplaceAll(string(content), "\x00", " "); strings.Contains(command, dir) {
			found = append(found, command)
		}
	}
	return found
}
