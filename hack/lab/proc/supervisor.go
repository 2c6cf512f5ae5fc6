package proc

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// process is a running program; ended is closed after err is set.
type process struct {
	name  string
	cmd   *exec.Cmd
	ended chan struct{}
	err   error
}

// Supervisor owns processes. Start must be called from a locked thread that lives
// as long as the supervisor: the kernel kills the processes when it ends.
type Supervisor struct {
	Logs  string        // folder of the log files
	Grace time.Duration // between SIGTERM and SIGKILL
	// OnEnd, if set, hears of a process that ended by itself; called once per process.
	OnEnd func(name string, err error)

	mu       sync.Mutex
	procs    []*process
	stopping bool
}

// EndedError says which process ended although it is needed.
type EndedError struct {
	Name string
	Err  error
}

func (e *EndedError) Error() string {
	if e.Err == nil {
		return e.Name + " ended by itself"
	}
	return fmt.Sprintf("%s ended by itself: %v", e.Name, e.Err)
}

func (e *EndedError) Unwrap() error { return e.Err }

// Start runs a program in a process group of its own, so that Ctrl-C does not reach it.
func (s *Supervisor) Start(name, path string, args ...string) error {
	return s.StartWith(nil, name, path, args...)
}

// StartWith is Start with variables that are added to the environment.
func (s *Supervisor) StartWith(env []string, name, path string, args ...string) error {
	log, err := os.Create(s.LogFile(name))
	if err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	defer log.Close()
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	p := &process{name: name, cmd: cmd, ended: make(chan struct{})}
	s.mu.Lock()
	s.procs = append(s.procs, p)
	s.mu.Unlock()
	go s.watch(p)
	return nil
}

func (s *Supervisor) watch(p *process) {
	p.err = p.cmd.Wait()
	close(p.ended)
	s.mu.Lock()
	unexpected := !s.stopping
	s.mu.Unlock()
	if unexpected && s.OnEnd != nil {
		s.OnEnd(p.name, p.err)
	}
}

// LogFile of a process.
func (s *Supervisor) LogFile(name string) string { return filepath.Join(s.Logs, name+".log") }

// Ended returns an error if any process has ended by itself.
func (s *Supervisor) Ended() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.procs {
		select {
		case <-p.ended:
			return &EndedError{p.name, p.err}
		default:
		}
	}
	return nil
}

// pollInterval is short beside the seconds that components take.
const pollInterval = 50 * time.Millisecond

// Await polls check until it holds, a process ends or ctx does.
func (s *Supervisor) Await(ctx context.Context, what string, check func(context.Context) error) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		last := check(ctx)
		if last == nil {
			return nil
		}
		if err := s.Ended(); err != nil {
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w; last: %w", what, context.Cause(ctx), last)
		}
	}
}

// Stop ends all processes, the last started first, and returns their names in
// that order. It is safe to call again.
func (s *Supervisor) Stop() []string {
	s.mu.Lock()
	s.stopping = true
	procs := s.procs
	s.procs = nil
	s.mu.Unlock()
	var stopped []string
	for i := len(procs) - 1; i >= 0; i-- {
		stopOne(procs[i], s.Grace)
		stopped = append(stopped, procs[i].name)
	}
	return stopped
}

func stopOne(p *process, grace time.Duration) {
	// An error means that it has ended already: the wait below returns at once.
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}
