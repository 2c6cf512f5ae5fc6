package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Leftovers are what no namespace owns and somebody must remove.
type Leftovers struct {
	Dir     string   `json:"dir"`
	Cgroups []Cgroup `json:"cgroups"`
}

// Janitor is the process that removes them.
type Janitor struct {
	cmd    *exec.Cmd
	tether *os.File
}

// HireJanitor starts `lab janitor` in a session of its own, out of reach of
// Ctrl-C. Its input is a pipe that nobody else holds: end of file means that this
// process is gone, even by kill -9.
func HireJanitor(l Leftovers) (*Janitor, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting the janitor: %w", err)
	}
	defer read.Close()
	list, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("starting the janitor: %w", err)
	}
	cmd := exec.Command("/proc/self/exe", "janitor", string(list))
	cmd.Stdin, cmd.Stderr = read, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		write.Close()
		return nil, fmt.Errorf("starting the janitor: %w", err)
	}
	return &Janitor{cmd, write}, nil
}

// Dismiss lets the janitor do its work now and waits for it.
func (j *Janitor) Dismiss() error {
	if err := j.tether.Close(); err != nil {
		return fmt.Errorf("dismissing the janitor: %w", err)
	}
	if err := j.cmd.Wait(); err != nil {
		return fmt.Errorf("cleaning up: %w", err)
	}
	return nil
}

// patience covers the time that the kernel takes to end the processes of the namespaces.
const patience = 20 * time.Second

// RunJanitor waits for the end of input and removes the leftovers.
func RunJanitor(tether io.Reader, list string) error {
	var l Leftovers
	if err := json.Unmarshal([]byte(list), &l); err != nil {
		return fmt.Errorf("reading what to clean up: %w", err)
	}
	if _, err := io.Copy(io.Discard, tether); err != nil {
		return fmt.Errorf("waiting for the lab's end: %w", err)
	}
	return retry(patience, l.remove)
}

// remove is safe to repeat. Cgroups go first: while they hold processes, files are in use.
func (l Leftovers) remove() error {
	var failed []error
	for _, c := range l.Cgroups {
		failed = append(failed, RemoveCgroup(c.Path))
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	if err := os.RemoveAll(l.Dir); err != nil {
		return fmt.Errorf("removing the state folder: %w", err)
	}
	return nil
}

func retry(limit time.Duration, act func() error) error {
	end := time.Now().Add(limit)
	for {
		err := act()
		if err == nil || time.Now().After(end) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}
