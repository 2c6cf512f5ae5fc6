// Package serving runs `aircache serve` as a child process, for tools that ask it as users do.
package serving

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"aircache.dev/aircache/runtime/control"
)

const lastLines = 12 // of the child's log, shown when something fails

// Process is `aircache serve` as a process of ours.
type Process struct {
	API, Control string // URLs

	cmd    *exec.Cmd
	exited chan error // filled once

	mu  sync.Mutex
	log []string
}

// Start runs the program on free ports of the loopback interface and waits until it is ready.
func Start(ctx context.Context, program string, flags ...string) (*Process, error) {
	c := &Process{exited: make(chan error, 1)}
	c.cmd = exec.Command(program, append([]string{"serve", "--addr", "127.0.0.1:0", "--control-addr", "127.0.0.1:0", "--log-format", "json",
		"--drain-seconds", "10", "--shutdown-linger-seconds", "0"}, flags...)...)
	stderr, err := c.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the runtime: %w", err)
	}
	listening := make(chan addresses, 1)
	go func() {
		c.follow(stderr, listening)
		c.exited <- c.cmd.Wait()
	}()
	select {
	case a := <-listening:
		c.API, c.Control = "http://"+a.API, "http://"+a.Control
	case err := <-c.exited:
		return nil, c.Explain(fmt.Errorf("the runtime ended: %w", cause(err)))
	case <-ctx.Done():
		c.Kill()
		return nil, c.Explain(ctx.Err())
	}
	if err := c.waitReady(ctx); err != nil {
		c.Kill()
		return nil, c.Explain(err)
	}
	return c, nil
}

// addresses are in the log line that the runtime writes when its ports are open.
type addresses struct{ API, Control string }

func parseListening(line string) (addresses, bool) {
	var entry struct{ Msg, API, Control string }
	if json.Unmarshal([]byte(line), &entry) != nil || entry.Msg != "listening" {
		return addresses{}, false
	}
	return addresses{entry.API, entry.Control}, true
}

// follow keeps the end of the log and reports the ports.
func (c *Process) follow(stderr io.Reader, listening chan<- addresses) {
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		c.mu.Lock()
		c.log = append(c.log, lines.Text())
		c.log = c.log[max(0, len(c.log)-lastLines):]
		c.mu.Unlock()
		if a, ok := parseListening(lines.Text()); ok {
			listening <- a
		}
	}
}

func (c *Process) waitReady(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-c.exited:
			return fmt.Errorf("the runtime ended while it loaded: %w", cause(err))
		case <-ctx.Done():
			return fmt.Errorf("waiting until the runtime is ready: %w", ctx.Err())
		case <-tick.C:
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.API+"/readyz", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
}

// Retune sets the retention over the control port, as the operator does.
func (c *Process) Retune(ctx context.Context, revision int64, permille int32) error {
	body, err := json.Marshal(control.Tuning{Epoch: 1, Revision: revision, TargetPermille: permille})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, c.Control+"/v1/tuning", bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("setting the retention: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		refusal, err := control.DecodeError(resp.Body)
		if err != nil {
			return fmt.Errorf("setting the retention: %s", resp.Status)
		}
		return fmt.Errorf("setting the retention: %w", refusal)
	}
	_, err = control.DecodeAck(resp.Body)
	return err
}

// Stop ends the runtime as a kubelet does, and wants a clean exit.
func (c *Process) Stop(ctx context.Context) error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping the runtime: %w", err)
	}
	select {
	case err := <-c.exited:
		if err != nil {
			return c.Explain(fmt.Errorf("the runtime did not end cleanly: %w", err))
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting until the runtime ends: %w", ctx.Err())
	}
}

// Kill ends it at once.
func (c *Process) Kill() { _ = c.cmd.Process.Kill() } // an error says that it has ended

// PID of the process.
func (c *Process) PID() int { return c.cmd.Process.Pid }

// Explain adds the end of the runtime's log to an error.
func (c *Process) Explain(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.log) == 0 {
		return err
	}
	return fmt.Errorf("%w\nthe runtime's last lines:\n  %s", err, strings.Join(c.log, "\n  "))
}

func cause(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}
