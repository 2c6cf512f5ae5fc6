package main

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

const (
	modelName     = "aircache-tiny"
	floorPermille = 10
	lastLines     = 12 // of the child's log, shown when something fails
)

// child is `aircache serve` as a process of ours.
type child struct {
	api, control string // URLs
	cmd          *exec.Cmd
	exited       chan error // filled once

	mu  sync.Mutex
	log []string
}

// serve starts the runtime on free ports and waits until it is ready.
func serve(ctx context.Context, o options) (*child, error) {
	c := &child{exited: make(chan error, 1)}
	c.cmd = exec.Command(o.aircache, "serve", "--model", o.model, "--served-name", modelName,
		"--addr", "127.0.0.1:0", "--control-addr", "127.0.0.1:0", "--log-format", "json",
		"--retention-floor-permille", fmt.Sprint(floorPermille), "--drain-seconds", "10", "--shutdown-linger-seconds", "0")
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
		c.api, c.control = "http://"+a.API, "http://"+a.Control
	case err := <-c.exited:
		return nil, c.explain(fmt.Errorf("the runtime ended: %w", cause(err)))
	case <-ctx.Done():
		c.kill()
		return nil, c.explain(ctx.Err())
	}
	if err := c.waitReady(ctx); err != nil {
		c.kill()
		return nil, c.explain(err)
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
func (c *child) follow(stderr io.Reader, listening chan<- addresses) {
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

func (c *child) waitReady(ctx context.Context) error {
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
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.api+"/readyz", nil)
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

// retune sets the retention over the control port, as the operator does.
func (c *child) retune(ctx context.Context, revision int64, permille int32) error {
	body, err := json.Marshal(control.Tuning{Epoch: 1, Revision: revision, TargetPermille: permille})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, c.control+"/v1/tuning", bytes.NewReader(body))
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

// stop ends the runtime as a kubelet does, and wants a clean exit.
func (c *child) stop(ctx context.Context) error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping the runtime: %w", err)
	}
	select {
	case err := <-c.exited:
		if err != nil {
			return c.explain(fmt.Errorf("the runtime did not end cleanly: %w", err))
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting until the runtime ends: %w", ctx.Err())
	}
}

func (c *child) kill() { _ = c.cmd.Process.Kill() } // an error says that it has ended

// explain adds the end of the runtime's log to an error.
func (c *child) explain(err error) error {
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
