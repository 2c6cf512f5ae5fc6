package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/engine"
	"aircache.dev/aircache/runtime/server"
)

// stuckEngine has one request that never ends by itself.
type stuckEngine struct{ draining chan struct{} }

func (e stuckEngine) Submit(context.Context, engine.Request) (server.Stream, error) {
	return nil, engine.ErrQueueFull
}
func (e stuckEngine) SetTuning(control.Tuning) (control.Ack, error) { return control.Ack{}, nil }
func (e stuckEngine) Applied() control.Ack                          { return control.Ack{TargetPermille: 1000} }
func (e stuckEngine) Drain(ctx context.Context) error {
	close(e.draining)
	<-ctx.Done()
	return ctx.Err()
}

// idleEngine has nothing to drain.
type idleEngine struct{ stuckEngine }

func (idleEngine) Drain(context.Context) error { return nil }

func loadIdle(context.Context) (*server.Model, error) {
	return &server.Model{Engine: idleEngine{}}, nil
}

// logLines is a log that tests can wait for.
type logLines struct {
	mu      sync.Mutex
	text    strings.Builder
	written chan struct{}
}

func newLog() *logLines { return &logLines{written: make(chan struct{}, 1)} }

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.written <- struct{}{}:
	default:
	}
	return l.text.Write(b)
}

func (l *logLines) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await returns the text log's first line that has a message.
func (l *logLines) await(t *testing.T, msg string) string {
	t.Helper()
	for {
		for line := range strings.Lines(l.all()) {
			if strings.Contains(line, "msg="+msg) {
				return line
			}
		}
		select {
		case <-l.written:
		case <-time.After(30 * time.Second):
			t.Fatalf("no line %q in\n%s", msg, l.all())
		}
	}
}

// field is key=value of a text log's line.
func field(line, key string) string {
	_, rest, _ := strings.Cut(line, " "+key+"=")
	value, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	return value
}

// started is a process that runs in this test.
type started struct {
	log     *logLines
	signals chan os.Signal
	lost    chan error
	result  chan error
	api     string
	waits   chan time.Duration // asked for after a signal
	passed  chan time.Time     // ends such a wait
}

func start(t *testing.T, drainSeconds int, load func(context.Context) (*server.Model, error), edit ...func(*process)) *started {
	t.Helper()
	s := &started{log: newLog(), signals: make(chan os.Signal, 2), lost: make(chan error, 1), result: make(chan error, 1), waits: make(chan time.Duration, 1), passed: make(chan time.Time, 1)}
	after := func(d time.Duration) <-chan time.Time {
		s.waits <- d
		if d == 0 {
			s.passed <- time.Time{}
		}
		return s.passed
	}
	state := server.NewState("loading the model")
	log := newLogger(s.log, "text", "info")
	p := &process{log: log, state: state, load: load, signals: s.signals, lost: s.lost, after: after,
		flags:  serveFlags{addr: "127.0.0.1:0", controlAddr: "127.0.0.1:0", drainSeconds: drainSeconds, lingerSeconds: 7, servedName: "m"},
		server: server.New(server.Options{ServedName: "m", Log: log, Now: time.Now, NewID: newID}, state, server.NewMetrics("m", time.Now))}
	for _, e := range edit {
		e(p)
	}
	go func() { s.result <- p.run(t.Context()) }()
	s.api = "http://" + field(s.log.await(t, "listening"), "api")
	return s
}

func (s *started) get(t *testing.T, path string) (int, string) {
	t.Helper()
	resp, err := http.Get(s.api + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

func TestProbesAnswerWhileTheModelLoads(t *testing.T) {
	loaded := make(chan struct{})
	s := start(t, 0, func(context.Context) (*server.Model, error) {
		<-loaded
		return nil, errors.New("reading model-00001.safetensors: unexpected end")
	})
	if status, _ := s.get(t, "/livez"); status != 200 {
		t.Errorf("/livez %d", status)
	}
	if status, text := s.get(t, "/readyz"); status != 503 || !strings.Contains(text, "loading the model") {
		t.Errorf("/readyz %d %s", status, text)
	}
	close(loaded)
	if err := <-s.result; err == nil || !strings.Contains(err.Error(), "model-00001.safetensors") {
		t.Errorf("the process ended with %v, want the model's error", err)
	}
}

func TestASignalWhileTheModelLoadsEndsTheProcess(t *testing.T) {
	s := start(t, 100, func(ctx context.Context) (*server.Model, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	s.signals <- syscall.SIGTERM
	if err := <-s.result; err != nil {
		t.Error(err)
	}
}

func TestALostDeviceEndsTheProcessWithItsError(t *testing.T) {
	s := start(t, 100, loadIdle)
	s.log.await(t, "ready")
	s.lost <- errors.New("serving: the device is lost")
	if err := <-s.result; err == nil || !strings.Contains(err.Error(), "the device is lost") {
		t.Errorf("the process ended with %v", err)
	}
	s.log.await(t, "ending")
}

func TestTheDrainTimeIsKept(t *testing.T) {
	e := stuckEngine{make(chan struct{})}
	s := start(t, 0, func(context.Context) (*server.Model, error) { return &server.Model{Engine: e}, nil })
	s.log.await(t, "ready")
	s.signals <- syscall.SIGTERM
	if err := <-s.result; err != nil {
		t.Error(err)
	}
	s.log.await(t, `"requests were given up"`)
}

func TestASecondSignalForces(t *testing.T) {
	e := stuckEngine{make(chan struct{})}
	s := start(t, 86400, func(context.Context) (*server.Model, error) { return &server.Model{Engine: e}, nil })
	s.log.await(t, "ready")
	s.signals <- syscall.SIGTERM
	<-e.draining
	if status, _ := s.get(t, "/readyz"); status != 503 {
		t.Errorf("/readyz during the drain: %d", status)
	}
	s.signals <- syscall.SIGTERM
	if err := <-s.result; !errors.Is(err, errForced) {
		t.Errorf("got %v", err)
	}
}

func TestThePortsLingerAfterADrain(t *testing.T) {
	s := start(t, 100, loadIdle)
	s.log.await(t, "ready")
	s.signals <- syscall.SIGTERM
	if wait := <-s.waits; wait != 7*time.Second {
		t.Errorf("the ports linger %v, want 7s", wait)
	}
	s.log.await(t, "draining")
	if status, _ := s.get(t, "/readyz"); status != 503 {
		t.Errorf("/readyz of lingering ports: %d", status)
	}
	resp, err := http.Post(s.api+"/v1/chat/completions", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !resp.Close {
		t.Errorf("a question to lingering ports: %d %v", resp.StatusCode, resp.Header)
	}
	s.passed <- time.Time{}
	if err := <-s.result; err != nil {
		t.Error(err)
	}
}

func TestASecondSignalEndsTheLingerWithoutAnError(t *testing.T) {
	s := start(t, 100, loadIdle)
	s.log.await(t, "ready")
	s.signals <- syscall.SIGTERM
	<-s.waits
	s.log.await(t, "drained")
	s.signals <- syscall.SIGTERM
	if err := <-s.result; err != nil {
		t.Error(err)
	}
}

func TestWhoNeedsNoLinger(t *testing.T) {
	never := func(ctx context.Context) (*server.Model, error) { <-ctx.Done(); return nil, ctx.Err() }
	for name, c := range map[string]struct {
		drainSeconds int
		load         func(context.Context) (*server.Model, error)
		until        string
		signal       os.Signal
		want         time.Duration
	}{
		"someone at a keyboard":       {100, loadIdle, "ready", syscall.SIGINT, 0},
		"a pod that never was ready":  {100, never, "listening", syscall.SIGTERM, 0},
		"a pod with less time to end": {3, loadIdle, "ready", syscall.SIGTERM, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, c.drainSeconds, c.load)
			s.log.await(t, c.until)
			s.signals <- c.signal
			if got := <-s.waits; got != c.want {
				t.Errorf("lingers %v, want %v", got, c.want)
			}
			if c.want > 0 {
				s.passed <- time.Time{}
			}
			if err := <-s.result; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAnAddressInUseIsAnErrorThatNamesTheFlag(t *testing.T) {
	s := start(t, 0, func(ctx context.Context) (*server.Model, error) { <-ctx.Done(); return nil, ctx.Err() })
	model := t.TempDir()
	_, err := execute("serve", "--model", model, "--addr", strings.TrimPrefix(s.api, "http://"), "--control-addr", "127.0.0.1:0")
	if err == nil || !strings.Contains(err.Error(), "listening on --addr") {
		t.Errorf("got %v", err)
	}
	s.signals <- syscall.SIGTERM
	<-s.result
}

func TestAFolderWithoutAModelIsAnErrorThatNamesTheFile(t *testing.T) {
	model := t.TempDir()
	_, err := execute("serve", "--model", model, "--addr", "127.0.0.1:0", "--control-addr", "127.0.0.1:0")
	if err == nil || !strings.Contains(err.Error(), filepath.Join(model, "config.json")) {
		t.Errorf("got %v", err)
	}
}
