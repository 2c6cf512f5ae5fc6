package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"aircache.dev/aircache/hack/lab/sandbox"
)

const statePrefix = "aircache-lab-"

// runCommand is the user's process: it prepares what lies outside the namespaces,
// starts the lab inside, and hands the janitor the rest when that has ended.
func runCommand(args []string) error {
	o, err := parseRun(args)
	if err != nil {
		return err
	}
	if o.Bin, err = binFolder(); err != nil {
		return err
	}
	if o.Dir, err = os.MkdirTemp("", statePrefix); err != nil {
		return fmt.Errorf("making the state folder: %w", err)
	}
	leftovers := sandbox.Leftovers{Dir: o.Dir}
	if err = checkLength(o.Dir); err == nil {
		leftovers.Cgroups, err = o.chooseNode()
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(o.Dir))
	}
	janitor, err := sandbox.HireJanitor(leftovers)
	if err != nil {
		return err
	}
	code, err := o.runInside(leftovers.Cgroups)
	if code != 0 || err != nil {
		o.keepLogs()
	}
	err = errors.Join(err, janitor.Dismiss())
	if err == nil && code != 0 {
		return exitCode(code)
	}
	return err
}

// longestDir leaves room for /containerd.sock.ttrpc in the 108 bytes of a socket's path.
const longestDir = 108 - len("/containerd.sock.ttrpc") - 1

func checkLength(dir string) error {
	if len(dir) > longestDir {
		return fmt.Errorf("making the state folder: %s has %d bytes, sockets in it allow %d: set a shorter TMPDIR", dir, len(dir), longestDir)
	}
	return nil
}

// chooseNode sets o.Real and makes the cgroups that a real node needs.
func (o *options) chooseNode() ([]sandbox.Cgroup, error) {
	wanted := o.config()
	wanted.RealNode = o.Node != nodeKwok
	var cgroups []sandbox.Cgroup
	why := missingPrograms(wanted)
	if wanted.RealNode && why == nil {
		why = sandbox.Probe()
	}
	if wanted.RealNode && why == nil {
		cgroups, why = sandbox.MakeCgroups(filepath.Base(o.Dir))
	}
	real, warning, err := decideNode(o.Node, why)
	o.Real = real
	fmt.Fprint(os.Stderr, warning)
	if err == nil && !real { // the control plane's programs are needed all the same
		err = missingPrograms(o.config())
	}
	if !real {
		for _, c := range cgroups {
			err = errors.Join(err, sandbox.RemoveCgroup(c.Path))
		}
		cgroups = nil
	}
	return cgroups, err
}

// runInside starts the lab and waits. With a real node, this process is in the
// lab's cgroups for the moment of the start: they become the namespace's roots.
func (o options) runInside(cgroups []sandbox.Cgroup) (code int, err error) {
	if err := o.save(); err != nil {
		return 0, err
	}
	command := "supervise"
	if o.Real {
		command = "init"
	}
	cmd := sandbox.Command(o.Real, command, o.Dir)
	err = sandbox.Join(cgroups)
	if err == nil {
		err = cmd.Start()
	}
	if err := errors.Join(err, sandbox.Leave(cgroups)); err != nil {
		return 0, fmt.Errorf("starting the lab: %w", err)
	}
	if err := (running{Outer: os.Getpid(), Inner: cmd.Process.Pid, Dir: o.Dir, Bin: o.Bin, Real: o.Real}).save(); err != nil {
		return 0, errors.Join(err, cmd.Process.Kill())
	}
	sandbox.ForwardSignals(cmd.Process)
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return sandbox.CodeOf(exit.Sys().(syscall.WaitStatus)), nil
	}
	return 0, err
}

// initCommand is process 1 of the namespaces.
func initCommand(args []string) error {
	if len(args) != 1 {
		return errors.New("reading arguments: want the state folder")
	}
	code, err := sandbox.Init("supervise", args[0])
	if err == nil && code != 0 {
		return exitCode(code)
	}
	return err
}

// janitorCommand outlives the user's process.
func janitorCommand(args []string) error {
	if len(args) != 1 {
		return errors.New("reading arguments: want the list of what to clean up")
	}
	return sandbox.RunJanitor(os.Stdin, strings.TrimSpace(args[0]))
}
