package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"aircache.dev/aircache/hack/lab/cluster"
)

// running is how others find a lab.
type running struct {
	Outer int // the user's process
	Inner int // process 1 of the namespaces
	Dir   string
	Bin   string
	Real  bool
}

const runningFile = "running.json"

func (r running) save() error {
	content, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("announcing the lab: %w", err)
	}
	if err := os.WriteFile(filepath.Join(r.Dir, runningFile), content, 0o600); err != nil {
		return fmt.Errorf("announcing the lab: %w", err)
	}
	return nil
}

// parseFind reads -dir and finds the lab that is meant.
func parseFind(name string, args []string) (running, []string, error) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	dir := flags.String("dir", "", "state folder of the lab (default: the only one that runs)")
	if err := flags.Parse(args); err != nil {
		return running{}, nil, err
	}
	pattern := filepath.Join(os.TempDir(), statePrefix+"*")
	if *dir != "" {
		pattern = *dir
	}
	r, err := findRunning(pattern, func(pid int) bool { return syscall.Kill(pid, 0) == nil })
	return r, flags.Args(), err
}

func findRunning(pattern string, alive func(pid int) bool) (running, error) {
	files, err := filepath.Glob(filepath.Join(pattern, runningFile))
	if err != nil {
		return running{}, fmt.Errorf("looking for labs: %w", err)
	}
	var found []running
	var dirs []string
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			continue // it is just going away
		}
		var r running
		if err := json.Unmarshal(content, &r); err != nil {
			return running{}, fmt.Errorf("reading %s: %w", f, err)
		}
		if alive(r.Outer) {
			found, dirs = append(found, r), append(dirs, r.Dir)
		}
	}
	switch len(found) {
	case 0:
		return running{}, errors.New("looking for labs: none is running")
	case 1:
		return found[0], nil
	}
	return running{}, fmt.Errorf("looking for labs: several are running, choose one with -dir: %s", strings.Join(dirs, " "))
}

// enterCommand becomes the command inside the lab's namespaces.
func enterCommand(args []string) error {
	r, command, err := parseFind("enter", args)
	if err != nil {
		return err
	}
	if len(command) == 0 {
		command = []string{"bash"}
	}
	o := options{Dir: r.Dir, Bin: r.Bin, Real: r.Real}
	env := environment(os.Environ(), o, cluster.Config{Dir: r.Dir}.Kubeconfig("admin"))
	here, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("entering the lab: %w", err)
	}
	if r.Real {
		command = enterArguments(r.Inner, here, command)
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return fmt.Errorf("entering the lab: %w", err)
	}
	return fmt.Errorf("entering the lab: %w", syscall.Exec(path, command, env))
}

// enterArguments join every namespace; joining the mounts loses the working folder, so that is set again.
func enterArguments(pid int, dir string, command []string) []string {
	prefix := []string{"nsenter", "--target", fmt.Sprint(pid), "--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup",
		"sh", "-c", `cd "$0" && exec "$@"`, dir}
	return append(prefix, command...)
}

const stopLimit = time.Minute

// stopCommand ends a lab and waits until its state folder is gone.
func stopCommand(args []string) error {
	r, _, err := parseFind("stop", args)
	if err != nil {
		return err
	}
	if err := syscall.Kill(r.Outer, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping the lab: %w", err)
	}
	for end := time.Now().Add(stopLimit); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if _, err := os.Stat(r.Dir); errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
	return fmt.Errorf("stopping the lab: process %d still runs after %s", r.Outer, stopLimit)
}
