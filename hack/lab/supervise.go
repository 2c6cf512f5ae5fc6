package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"aircache.dev/aircache/hack/lab/cluster"
	"aircache.dev/aircache/hack/lab/proc"
	"aircache.dev/aircache/hack/lab/sandbox"
)

// lab is a cluster on its way up, in use, or on its way down.
type lab struct {
	options
	config     cluster.Config
	supervisor *proc.Supervisor
	client     *cluster.Client
	start      time.Time
	inUse      atomic.Bool // the cluster is up: a component that ends now is news
}

// superviseCommand runs inside: it brings the cluster up, runs the user's command and stops everything.
func superviseCommand(args []string) error {
	if len(args) != 1 {
		return errors.New("reading arguments: want the state folder")
	}
	l := &lab{start: time.Now()}
	var err error
	if l.options, err = loadOptions(args[0]); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := l.prepare(); err != nil {
		return err
	}
	code, err := l.upAndRun(ctx)
	begin := time.Now()
	l.supervisor.Stop()
	l.say("stopped in %.1f s", time.Since(begin).Seconds())
	if err == nil && code != 0 {
		return exitCode(code)
	}
	return err
}

func (l *lab) upAndRun(ctx context.Context) (int, error) {
	if err := l.up(ctx); err != nil {
		if ctx.Err() != nil {
			return 0, errors.New("interrupted")
		}
		l.showFailure(err)
		return 0, err
	}
	l.say("ready; KUBECONFIG=%s", l.config.Kubeconfig("admin"))
	l.inUse.Store(true)
	code, err := l.runUser(ctx)
	if l.Keep && ctx.Err() == nil {
		fmt.Fprint(os.Stderr, l.howToReach())
		<-ctx.Done()
	}
	return code, err
}

// prepare enters the private world and writes certificates and configurations.
func (l *lab) prepare() error {
	l.config = l.options.config()
	if l.Real {
		if err := sandbox.EnterMounts(l.Dir); err != nil {
			return err
		}
		if err := sandbox.EnterNetwork(cluster.NodeIP); err != nil {
			return err
		}
		var err error
		if l.config.Snapshotter, err = sandbox.Snapshotter(l.Dir); err != nil {
			return err
		}
	} else {
		var err error
		if l.config.Ports, err = sandbox.FreePorts(); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(l.config.Logs, 0o755); err != nil {
		return fmt.Errorf("making the folder for logs: %w", err)
	}
	if err := l.config.Write(); err != nil {
		return err
	}
	var err error
	l.client, err = l.config.Client()
	pids := filepath.Join(l.Dir, "pids")
	if err := os.MkdirAll(pids, 0o755); err != nil {
		return fmt.Errorf("making the folder for process numbers: %w", err)
	}
	l.supervisor = &proc.Supervisor{Logs: l.config.Logs, PIDs: pids, Grace: 3 * time.Second, OnEnd: l.warnOfEnd, Restart: l.restarts}
	return err
}

// warnOfEnd tells of a component lost while the user works; before that, the start fails by it.
func (l *lab) warnOfEnd(name string, _ error) {
	switch {
	case l.restarts(name):
		l.say("%s ended and is started again", name)
	case l.inUse.Load():
		l.showLog(name, "WARNING: "+name+" ended by itself")
	}
}

// restarts tells whether a component that ends is started again: not before the lab is up, for then the start fails by it.
func (l *lab) restarts(string) bool { return l.Restart && l.inUse.Load() }

func (l *lab) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "lab: %6.2f s  %s\n", time.Since(l.start).Seconds(), fmt.Sprintf(format, args...))
}

// showFailure prints the end of the log that most likely tells why.
func (l *lab) showFailure(err error) {
	var ended *proc.EndedError
	var step *stepError
	switch {
	case errors.As(err, &ended):
		l.showLog(ended.Name, ended.Error())
	case errors.As(err, &step):
		l.showLog(step.component(), err.Error())
	}
}

const tailLines = 15

func (l *lab) showLog(component, why string) {
	tail, err := proc.Tail(l.supervisor.LogFile(component), tailLines)
	if err != nil {
		tail = err.Error()
	}
	l.say("%s; the end of its log:\n%s", why, tail)
}
