package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/hub"
	"aircache.dev/aircache/runtime/plan"
	"aircache.dev/aircache/runtime/server"
)

func serveCommand() *cobra.Command {
	f := &serveFlags{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve a model over OpenAI's API, with a control port for the retention",
		Long: `Serve a model over OpenAI's API (/v1/chat/completions, /v1/models), with probes
(/livez, /readyz, /health) and /metrics on --addr, and the retention, an
observation and profiles on --control-addr.

SIGTERM drains: /readyz fails, new requests are answered 503 with Retry-After,
and those that were let in get --drain-seconds to end. The ports stay open for
--shutdown-linger-seconds at least, because a Service goes on to send clients for
a moment. A second signal ends at once. SIGINT does the same without the linger.

PUT /v1/tuning on the control port, and --tuning-file, set the retention. With
--tuning-public-key only what the holder of that key signed for this --deployment-uid
and --pool is applied, as the operator does; without one, as on a developer's machine,
whoever reaches the port may. No signature goes past the floor and the ceiling.

--policy decides what compression keeps. Usage, metrics and the observation tell of
each request which share of the picture tokens' scores stayed (recall), and what any
other retention would have kept. The scores are the policy's own: recall compares
retentions of one policy, never two policies. Streaming and Random score all tokens
alike, so theirs is the retention itself; Full scores nothing and has none.
--shadow-sample-permille measures what counts: the agreement with the whole cache.

Where a request leaves temperature, top_p, top_k or max_tokens out, the model's
generation_config.json decides (do_sample false is greedy); without that file
OpenAI's defaults do (temperature 1, top_p 1, what is left of the context).

` + sourceHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			signals := make(chan os.Signal, 2)
			signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
			defer signal.Stop(signals)
			return serve(cmd.Context(), *f, cmd.ErrOrStderr(), signals)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

// serve wires the real parts into a process.
func serve(ctx context.Context, f serveFlags, logTo io.Writer, signals <-chan os.Signal) error {
	if f.servedName == "" {
		f.servedName = f.base()
	}
	keys, err := openKeyFile(f.apiKeyFile)
	if err != nil {
		return err
	}
	_, policy, err := f.cachePolicy()
	if err != nil {
		return err
	}
	tuningKeys, err := f.keyring()
	if err != nil {
		return err
	}
	log := newLogger(logTo, f.logFormat, f.logLevel)
	log.Info("starting", "version", version, "podUID", f.podUID, "pool", f.pool, "policy", policy, "retentionPermille", f.retention,
		"floorPermille", f.floor, "ceilingPermille", f.ceiling, "cores", runtime.GOMAXPROCS(0))
	tellKeys(log, tuningKeys)
	metrics := server.NewMetrics(f.servedName, time.Now)
	state := server.NewState("getting the model")
	load := &loader{flags: f.modelFlags, recorder: metrics, log: log, lost: make(chan error, 1),
		bounds: control.Bounds{UID: f.deploymentUID, Pool: f.pool, FloorPermille: f.floor, CeilingPermille: f.ceiling}}
	load.planned = func(m plan.Memory) {
		metrics.Plan(map[string]int64{"device": m.Device, "overhead": m.Overhead, "weights": m.Weights, "activations": m.Activations, "vision": m.Vision, "spare": m.Spare, "kv_cache": m.KV})
	}
	progress := &hub.Progress{}
	metrics.Fetching(progress.Bytes)
	var fetching sync.Mutex
	ticker := time.NewTicker(server.TuningFilePeriod)
	defer ticker.Stop()
	p := &process{flags: f, log: log, state: state, signals: signals, lost: load.lost, ticks: ticker.C, after: time.After,
		server: server.New(server.Options{
			ServedName: f.servedName, Keys: keys.keys, MaxPerKey: f.maxPerKey, MaxImages: f.maxImages, MaxBodyBytes: f.maxBodyBytes, MaxWaiting: f.maxQueue, Fetcher: f.fetching.fetcher(),
			Policy: policy, FloorPermille: f.floor, CeilingPermille: f.ceiling, TuningKeys: tuningKeys, Log: log, Now: time.Now, NewID: newID,
		}, state, metrics),
		load: func(ctx context.Context) (*server.Model, error) {
			fetching.Lock()
			err := load.fetch(ctx, progress, tellFetch(state, log))
			fetching.Unlock()
			if err != nil {
				return nil, err
			}
			state.Loading("loading the model")
			load.loading = tellLoading(state)
			device, err := load.openBackend()
			if err != nil {
				return nil, err
			}
			kind, blas, gpu := blasOf(device)
			metrics.Describe(version, kind, blas, gpu)
			m, err := load.load(ctx, device)
			if err != nil {
				return nil, fmt.Errorf("loading %s: %w", f.model, err)
			}
			return m, nil
		}}
	if p.tls, err = f.tls.config(time.Now, log); err != nil {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	keyTicker := time.NewTicker(server.TuningFilePeriod)
	defer keyTicker.Stop()
	go keys.follow(ctx, keyTicker.C, log)
	err = p.run(ctx)
	end()
	fetching.Lock() // a fetch that was cut short lets the next pod in before this process goes
	return err
}

// tellKeys says who may set the retention.
func tellKeys(log *slog.Logger, keys control.Keyring) {
	if keys.IsEmpty() {
		log.Warn("whoever reaches the control port or writes the tuning file sets the retention, between floor and ceiling: no --tuning-public-key was given")
		return
	}
	log.Info("the retention is set by signed directives", "keys", keys.IDs())
}

// tellLoading says to whoever asks for readiness how much of the weights is on the device.
func tellLoading(state *server.State) func(loaded, all int64) {
	return func(loaded, all int64) {
		state.Loading(fmt.Sprintf("loading the model: %d %% of %.2f GB", 100*loaded/all, float64(all)/1e9))
	}
}

// fetchLogPeriod is how often the log says how far a fetch is; probes are told more often.
const fetchLogPeriod = 15

// tellFetch says how far a fetch is to whoever asks for readiness, and to the log.
func tellFetch(state *server.State, log *slog.Logger) func(string) {
	calls := 0
	return func(how string) {
		state.Loading("getting the model: " + how)
		if calls++; calls%fetchLogPeriod == 0 {
			log.Info("getting the model", "state", how)
		}
	}
}
