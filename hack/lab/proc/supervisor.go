package proc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// process is a running program; ended is closed after err is set. cmd belongs to the Supervisor's mutex.
type process struct {
	name, path string
	args, env  []string
	cmd        *exec.Cmd
	ended      chan struct{}
	err        error
}

// Supervisor owns processes. Start must be called from a locked thread that lives
// as long as the supervisor: the kernel kills the processes when it ends.
type Supervisor struct {
	Logs  string        // folder of the log files
	Grace time.Duration // between SIGTERM and SIGKILL
	PIDs  string        // folder for a file with each process's number; none when empty
	// OnEnd, if set, hears of a process that ended by itself; called once per process.
	OnEnd func(name string, err error)
	// Restart says that such a process is started again, after RestartDelay.
	Restart func(name string) bool

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
	p := &process{name: name, path: path, args: args, env: env, ended: make(chan struct{})}
	if err := os.Remove(s.LogFile(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.launch(p); err != nil {
		return err
	}
	s.procs = append(s.procs, p)
	go s.watch(p)
	return nil
}

// launch is called with the mutex held, and from a thread that outlives the process.
func (s *Supervisor) launch(p *process) error {
	log, err := os.OpenFile(s.LogFile(p.name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	defer log.Close()
	p.cmd = exec.Command(p.path, p.args...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.Env = append(os.Environ(), p.env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	if s.PIDs == "" {
		return nil
	}
	if err := os.WriteFile(filepath.Join(s.PIDs, p.name), []byte(strconv.Itoa(p.cmd.Process.Pid)), 0o644); err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	return nil
}

// RestartDelay lets ports and locks of the old process go.
const RestartDelay = time.Second

func (s *Supervisor) watch(p *process) {
	runtime.LockOSThread() // a process that is started again dies with the thread that did it
	defer runtime.UnlockOSThread()
	for cmd := p.cmd; cmd != nil; cmd = s.again(p) {
		p.err = cmd.Wait()
	}
	close(p.ended)
}

// again hears of the end of a process, and starts it anew where that is wanted; nil when it stays ended.
func (s *Supervisor) again(p *process) *exec.Cmd {
	s.mu.Lock()
	unexpected := !s.stopping
	s.mu.Unlock()
	if !unexpected {
		return nil
	}
	if s.OnEnd != nil {
		s.OnEnd(p.name, p.err)
	}
	if s.Restart == nil || !s.Restart(p.name) {
		return nil
	}
	time.Sleep(RestartDelay)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return nil
	}
	if err := s.launch(p); err != nil {
		p.err = err
		return nil
	}
	return p.cmd
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
		s.stopOne(procs[i])
		stopped = append(stopped, procs[i].name)
	}
	return stopped
}

func (s *Supervisor) stopOne(p *process) {
	s.mu.Lock()
	running := p.cmd.Process
	s.mu.Unlock()
	// An error means that it has ended already: the wait below returns at once. A process that a test has halted goes on to hear it.
	_ = running.Signal(syscall.SIGTERM)
	_ = running.Signal(syscall.SIGCONT)
	timer := time.NewTimer(s.Grace)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		_ = running.Kill()
		<-p.ended
	}
}
