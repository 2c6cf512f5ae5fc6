package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

const namespaces = syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID |
	syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWCGROUP

// Command prepares this same program with other arguments; private ones run in
// new namespaces. The child dies with the calling thread.
func Command(private bool, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if private {
		cmd.SysProcAttr.Cloneflags = namespaces
	}
	return cmd
}

// Probe tells why namespaces cannot be used here; nil if they can.
func Probe() error {
	if os.Geteuid() != 0 {
		return errors.New("not running as root")
	}
	if err := Command(true, "probe").Run(); err != nil {
		return fmt.Errorf("the kernel refuses private namespaces: %w", err)
	}
	return nil
}

// Init is process 1 of the namespaces: it starts this program again with args,
// hands signals on to it and collects orphans (containerd's shims) until it ends.
func Init(args ...string) (exitCode int, err error) {
	cmd := Command(false, args...)
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("starting the supervisor: %w", err)
	}
	ForwardSignals(cmd.Process)
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, fmt.Errorf("waiting for the supervisor: %w", err)
		case pid == cmd.Process.Pid:
			return CodeOf(status), nil
		}
	}
}

// ForwardSignals hands Ctrl-C and SIGTERM on. The third one means it: SIGKILL.
func ForwardSignals(to *os.Process) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		for n := 1; ; n++ {
			s := <-signals
			if n >= 3 {
				s = syscall.SIGKILL
			}
			_ = to.Signal(s) // it may have ended already
		}
	}()
}

// CodeOf is the exit status as a shell gives it: 128 and the signal's number for a killed process.
func CodeOf(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}
