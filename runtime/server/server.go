package server

import (
	"log/slog"
	"net/http"
	"net/http/pprof"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/semaphore"

	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/server/openai"
)

// Options are the server's own settings; the model's come with the Model.
type Options struct {
	ServedName   string
	Keys         *Keys // nil: no key is asked for
	MaxPerKey    int   // requests that one key may have under way; 0: any number
	MaxImages    int   // pictures a request may have
	MaxBodyBytes int64
	MaxWaiting   int     // requests that may wait for their pictures to be decoded
	Fetcher      Fetcher // nil: pictures by http(s) URL are refused

	// The pod's own arguments, shown next to what is applied.
	Policy                         string
	FloorPermille, CeilingPermille int32

	TuningKeys control.Keyring // whose directives are applied; empty: no signature is asked for

	Log   *slog.Logger
	Now   func() time.Time
	NewID func() string // names a request
}

// Model is a loaded model with its engine.
type Model struct {
	Engine       Engine
	Stalled      func() time.Duration // for how long the engine has done nothing for its requests; nil: nobody knows
	Tokenizer    Tokenizer
	Template     Template
	Pictures     Pictures
	ImageToken   int32 // id that stands for one row of a picture
	VisualTokens int   // fewest rows of a picture
	Pool         Pool
	MaxModelLen  int // longest prompt and answer together, in tokens
	MaxTextBytes int // text that can fit into it; more is refused before it costs an encoding
	Defaults     Defaults
}

// Server answers HTTP before, while and after it has a model.
type Server struct {
	opts    Options
	log     *slog.Logger
	now     func() time.Time
	state   *State
	metrics *Metrics
	workers *workers
	bodies  *semaphore.Weighted // bytes of bodies and of fetched pictures in memory
	fetches *semaphore.Weighted // pictures that are being fetched
	model   atomic.Pointer[Model]
	created int64
}

// New makes a server without a model: alive, not ready.
func New(opts Options, state *State, metrics *Metrics) *Server {
	s := &Server{opts: opts, log: opts.Log, now: opts.Now, state: state, metrics: metrics, workers: newWorkers(opts.MaxWaiting),
		bodies:  semaphore.NewWeighted(bodiesInMemory * (opts.MaxBodyBytes + 1)),
		fetches: semaphore.NewWeighted(maxFetches), created: opts.Now().Unix()}
	metrics.registry.MustRegister(newObserved(opts.ServedName, s.observe))
	return s
}

// SetModel makes the server able to answer; State.Ready then lets requests in.
func (s *Server) SetModel(m *Model) {
	s.model.Store(m)
	s.metrics.publishPool(s.opts.ServedName, m.Pool)
}

// API is the handler of the port that users reach. Probes and metrics ask for no
// key: a kubelet and a Prometheus have none.
func (s *Server) API() http.Handler {
	keyed := http.NewServeMux()
	keyed.HandleFunc("POST /v1/chat/completions", s.chatCompletions)
	keyed.HandleFunc("GET /v1/models", s.listModels)
	keyed.HandleFunc("GET /v1/models/{name...}", s.getModel)

	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", s.state.livez)
	mux.HandleFunc("GET /readyz", s.state.readyz)
	mux.HandleFunc("GET /health", s.state.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	mux.Handle("/v1/", s.requireKey(inOpenAIShape(keyed)))
	return s.contain(inOpenAIShape(mux))
}

// Control is the handler of the operator's port. What is set needs the operator's signature (Options.TuningKeys);
// everything else only reads.
func (s *Server) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/tuning", s.getTuning)
	mux.HandleFunc("PUT /v1/tuning", s.putTuning)
	mux.HandleFunc("GET /v1/observation", s.getObservation)
	mux.HandleFunc("GET /livez", s.state.livez)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return s.contain(inOpenAIShape(mux))
}

// inOpenAIShape answers unknown routes and wrong methods as OpenAI's clients expect, not in plain text. The control
// port's errors have the same shape.
func inOpenAIShape(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		probe := &discard{header: http.Header{}}
		mux.ServeHTTP(probe, r) // only its own 404 or 405 is left
		if allowed := probe.header.Get("Allow"); allowed != "" {
			w.Header().Set("Allow", allowed)
			writeError(w, openai.Refusal(http.StatusMethodNotAllowed, openai.TypeInvalidRequest, openai.CodeMethod,
				"Not allowed to %s on %s; allowed: %s.", r.Method, r.URL.Path, allowed))
			return
		}
		writeError(w, openai.Refusal(http.StatusNotFound, openai.TypeInvalidRequest, openai.CodeNotFound,
			"Unknown request URL: %s %s.", r.Method, r.URL.Path))
	})
}

// discard keeps a handler's headers and drops the rest.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}
