package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// keptLogs is how many failed runs' logs stay.
const keptLogs = 5

// keepLogs saves the components' and pods' logs of a failed run beside the
// programs, for the state folder is about to go, and says where they are.
func (o options) keepLogs() {
	root := filepath.Join(o.Bin, "logs")
	target := filepath.Join(root, filepath.Base(o.Dir))
	var failed []error
	for from, to := range map[string]string{"logs": "", "pod-logs": "pods"} {
		source := filepath.Join(o.Dir, from)
		if _, err := os.Stat(source); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		failed = append(failed, os.CopyFS(filepath.Join(target, to), os.DirFS(source)))
	}
	failed = append(failed, pruneLogs(root, keptLogs))
	if err := errors.Join(failed...); err != nil {
		fmt.Fprintf(os.Stderr, "lab: keeping logs: %v\n", err)
	}
	if _, err := os.Stat(target); err == nil {
		fmt.Fprintf(os.Stderr, "lab: logs of the components and pods: %s\n", target)
	}
}

// pruneLogs removes the oldest folders beyond the newest keep.
func pruneLogs(root string, keep int) error {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing kept logs: %w", err)
	}
	age := map[string]int64{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return fmt.Errorf("listing kept logs: %w", err)
		}
		age[e.Name()] = info.ModTime().UnixNano()
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(age[b.Name()], age[a.Name()]) })
	for _, e := range entries[min(keep, len(entries)):] {
		if err := os.RemoveAll(filepath.Join(root, e.Name())); err != nil {
			return fmt.Errorf("removing old logs: %w", err)
		}
	}
	return nil
}
