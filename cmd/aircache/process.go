package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"aircache.dev/aircache/runtime/server"
)

// flushTime is what handlers get to write their last bytes after the drain.
const flushTime = 5 * time.Second

// errForced ends a process that was told twice to end.
var errForced = errors.New("a second signal ended the drain early")

// process is `aircache serve` without the parts that a test cannot have: the model
// and the signals come from outside.
type process struct {
	flags   serveFlags
	log     *slog.Logger
	state   *server.State
	server  *server.Server
	load    func(ctx context.Context) (*server.Model, error) // ctx ends when the process does
	signals <-chan os.Signal
	lost    <-chan error     // the device failed for good
	ticks   <-chan time.Time // when to look at the tuning file
	after   func(time.Duration) <-chan time.Time
	tls     *tls.Config // of the API's port; nil: none
}

// run listens first, so that probes get an answer while the model loads, then
// loads, then serves until a signal comes.
func (p *process) run(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	failed := make(chan error, 3)
	ports, err := p.listen(failed)
	if err != nil {
		return err
	}
	defer ports.close()
	go func() {
		if err := p.loadModel(ctx); err != nil {
			failed <- err
		}
	}()
	select {
	case err := <-failed:
		return err
	case err := <-p.lost:
		p.log.Error("ending", "reason", err)
		return err
	case signal := <-p.signals:
		p.log.Info("ending", "signal", signal.String())
		return p.drain(ports, end, p.linger(signal))
	case <-ctx.Done():
		return p.drain(ports, end, 0)
	}
}

// linger is how long the ports stay open at least. A pod that was never ready has
// no clients; someone at a keyboard (SIGINT) need not wait.
func (p *process) linger(signal os.Signal) time.Duration {
	if signal != syscall.SIGTERM || p.state.Refusal() != nil {
		return 0
	}
	return time.Duration(min(p.flags.lingerSeconds, p.flags.drainSeconds)) * time.Second
}

// loadModel applies the mounted tuning before the first request can come in.
func (p *process) loadModel(ctx context.Context) error {
	model, err := p.load(ctx)
	if err != nil {
		return err
	}
	p.server.SetModel(model)
	if p.flags.tuningFile != "" {
		file := &server.TuningFile{Path: p.flags.tuningFile}
		p.server.ApplyTuningFile(file)
		go p.server.FollowTuningFile(ctx, file, p.ticks)
	}
	if p.flags.watchdog > 0 {
		go p.watch(ctx)
	}
	p.state.Ready()
	p.log.Info("ready", "model", p.flags.servedName)
	return nil
}

// watch looks after the engine until the process ends.
func (p *process) watch(ctx context.Context) {
	ticker := time.NewTicker(server.WatchPeriod)
	defer ticker.Stop()
	p.server.Watch(ctx, ticker.C, time.Duration(p.flags.watchdog)*time.Second)
}

// drain lets running requests finish; a second signal ends that at once. What is
// left after the drain time is given up, and its clients are told so. Then the
// ports linger: for a moment nodes still send clients here that must be told to go
// elsewhere, where a closed port would lose them.
func (p *process) drain(ports *ports, giveUp context.CancelFunc, linger time.Duration) error {
	lingered := p.after(linger)
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(p.flags.drainSeconds)*time.Second)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- p.server.Drain(ctx) }()
	select {
	case <-p.signals:
		return errForced
	case err := <-drained:
		if err != nil {
			p.log.Warn("requests were given up", "drainSeconds", p.flags.drainSeconds, "reason", err)
		}
	}
	giveUp()
	p.log.Info("drained")
	select {
	case <-p.signals: // nothing is lost any more
	case <-lingered:
	}
	ports.flush()
	p.log.Info("ended")
	return nil
}

// ports are the two servers of the process.
type ports struct{ servers []*http.Server }

func (p *process) listen(failed chan<- error) (*ports, error) {
	opened := &ports{}
	addresses := map[string]string{}
	for _, port := range []struct {
		name, flag, addr string
		handler          http.Handler
		tls              *tls.Config
	}{
		{"api", "addr", p.flags.addr, p.server.API(), p.tls},
		{"control", "control-addr", p.flags.controlAddr, p.server.Control(), nil}, // what it is told is signed
	} {
		listener, err := net.Listen("tcp", port.addr)
		if err != nil {
			opened.close()
			return nil, fmt.Errorf("listening on --%s: %w", port.flag, err)
		}
		addresses[port.name] = listener.Addr().String()
		s := server.HTTPServer(port.handler)
		s.ErrorLog = slog.NewLogLogger(p.log.Handler(), slog.LevelDebug)
		opened.servers = append(opened.servers, s)
		go func() {
			if err := serveOn(s, listener, port.tls); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serving --%s: %w", port.flag, err)
			}
		}()
	}
	p.log.Info("listening", "api", addresses["api"], "control", addresses["control"])
	return opened, nil
}

func serveOn(s *http.Server, on net.Listener, config *tls.Config) error {
	if config == nil {
		return s.Serve(on)
	}
	s.TLSConfig = config
	return s.ServeTLS(on, "", "") // the certificate is the config's
}

// flush waits for handlers that still write their last bytes.
func (p *ports) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	for _, s := range p.servers {
		_ = s.Shutdown(ctx) // what is left after the time is cut by close
	}
}

func (p *ports) close() {
	for _, s := range p.servers {
		_ = s.Close()
	}
}
