package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"aircache.dev/aircache/runtime/chat"
	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/engine"
	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/sampling"
)

// The fake model's token of a rune is the rune itself; imageToken is a picture's mark.
const (
	imageToken   = int32('▣')
	visualTokens = 3
	maxModelLen  = 200
)

type fakeWords struct{}

func (fakeWords) Encode(text string) ([]int32, error) { return []int32(text), nil }
func (fakeWords) Decode(ids []int32, _ bool) string   { return string([]rune(ids)) }
func (fakeWords) NewStream() TokenStream              { return fakeWords{} }
func (fakeWords) Push(id int32) string                { return string(id) }
func (fakeWords) Flush() string                       { return "" }

// fakeTemplate writes "user:▣What?|" for each turn.
type fakeTemplate struct{}

func (fakeTemplate) Render(messages []chat.Message, _ bool) (string, error) {
	var b strings.Builder
	for _, m := range messages {
		b.WriteString(m.Role + ":")
		for _, p := range m.Content {
			if p.Type == "image" {
				b.WriteRune(rune(imageToken))
			}
			b.WriteString(p.Text)
		}
		b.WriteString("|")
	}
	return b.String(), nil
}

// fakePictures takes any bytes but "bad"; the pixels tell which bytes they were.
type fakePictures struct{ hold chan struct{} }

func (p fakePictures) Measure(source image.Source, _ int) (int, error) {
	_, err := source.Bytes(image.Limits{})
	return visualTokens, err
}

func (p fakePictures) Prepare(source image.Source, _ int) (image.Pixels, error) {
	if p.hold != nil {
		<-p.hold
	}
	encoded, err := source.Bytes(image.Limits{})
	if err != nil {
		return image.Pixels{}, err
	}
	if string(encoded) == "bad" {
		return image.Pixels{}, errors.New("decoding the picture: no known format")
	}
	if string(encoded) == "boom" {
		panic("a decoder's bug")
	}
	return image.Pixels{W: len(encoded)}, nil
}

// fakeEngine answers each request by its script.
type fakeEngine struct {
	mu        sync.Mutex
	ack       control.Ack
	submitErr error
	requests  []engine.Request
	script    func(context.Context, *fakeStream)
	running   sync.WaitGroup
}

func (e *fakeEngine) Submit(ctx context.Context, r engine.Request) (Stream, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requests = append(e.requests, r)
	if e.submitErr != nil {
		return nil, e.submitErr
	}
	s := &fakeStream{events: make(chan engine.Event), stop: make(chan struct{})}
	e.running.Go(func() {
		defer close(s.events)
		e.script(ctx, s)
	})
	return s, nil
}

// fakeStream is one answer: the script writes it, the server reads it.
type fakeStream struct {
	events chan engine.Event
	stop   chan struct{}
}

func (s *fakeStream) Events() <-chan engine.Event { return s.events }
func (s *fakeStream) Stop()                       { close(s.stop) }

func (e *fakeEngine) SetTuning(t control.Tuning) (control.Ack, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := t.Check(e.ack, control.Bounds{UID: "u-1", Pool: "cpu", FloorPermille: 100, CeilingPermille: 1000}); err != nil {
		return control.Ack{}, err
	}
	e.ack = t.Accepted(noon)
	return e.ack, nil
}

func (e *fakeEngine) Applied() control.Ack {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ack
}

func (e *fakeEngine) Drain(ctx context.Context) error {
	done := make(chan struct{})
	go func() { e.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *fakeEngine) request(i int) engine.Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.requests[i]
}

// says is a script: the text rune by rune, then the finish. The first event and the last carry the usage.
func says(text string, finish engine.FinishReason) func(context.Context, *fakeStream) {
	return func(ctx context.Context, s *fakeStream) {
		usage := usageOf()
		for _, r := range text {
			select {
			case s.events <- engine.Event{Token: r, LogProb: -.5, Top: []sampling.Alternative{{Token: r, LogProb: -.5}, {Token: 'q', LogProb: float32(math.Inf(-1))}}, Usage: usage}:
				usage = nil
			case <-s.stop:
				finish = engine.FinishStop
			case <-ctx.Done():
				finish = engine.FinishAbort
			}
		}
		usage = usageOf()
		usage.CompletionTokens = len([]rune(text)) + 1
		s.events <- engine.Event{Finish: finish, Usage: usage}
	}
}

func usageOf() *engine.Usage {
	return &engine.Usage{ImageTokens: 3, KVTokensSeen: 3, KVTokensKept: 1.2, KVBytesFull: 300, KVBytesKept: 100, RetentionPermille: 400, Recall: .75}
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// world is a server with a loaded fake model, on a real port.
type world struct {
	t      *testing.T
	engine *fakeEngine
	model  *Model
	server *Server
	state  *State
	api    *httptest.Server
	log    *strings.Builder
}

func newWorld(t *testing.T, edit ...func(*Options, *Model)) *world {
	t.Helper()
	w := &world{t: t, log: &strings.Builder{}, state: NewState("loading the model")}
	w.engine = &fakeEngine{ack: control.Ack{TargetPermille: 400}, script: says("It is 7KQ2.", "stop")}
	w.model = &Model{Engine: w.engine, Tokenizer: fakeWords{}, Template: fakeTemplate{}, Pictures: fakePictures{}, ImageToken: imageToken,
		VisualTokens: visualTokens, Pool: Pool{Pages: 8, PageTokens: 16, Bytes: 80}, MaxModelLen: maxModelLen, MaxTextBytes: 4 * maxModelLen, Defaults: Defaults{Temperature: 1, TopP: 1}}
	opts := Options{ServedName: "tiny", MaxImages: 4, MaxBodyBytes: 1 << 16, MaxWaiting: 1, Policy: "AirCache", FloorPermille: 100, CeilingPermille: 1000}
	for _, e := range edit {
		e(&opts, w.model)
	}
	opts.Log = slog.New(slog.NewTextHandler(&lockedWriter{w: w.log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	opts.Now = time.Now // the real clock: deadlines of real connections are set from it
	opts.NewID = func() string { return "id-1" }
	w.server = New(opts, w.state, NewMetrics(opts.ServedName, time.Now))
	w.server.SetModel(w.model)
	w.state.Ready()
	w.api = httptest.NewServer(w.server.API())
	t.Cleanup(w.api.Close)
	return w
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// got is an answer, read to its end.
type got struct {
	status int
	header http.Header
	body   string
	closed bool // the server asked for another connection
}

func (w *world) do(method, path, body string, header ...string) got {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.api.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := w.api.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return got{resp.StatusCode, resp.Header, string(b), resp.Close}
}

// ask posts a question with more fields, such as `"stream":true`.
func (w *world) ask(fields string) got {
	w.t.Helper()
	if fields != "" {
		fields += ","
	}
	return w.do("POST", "/v1/chat/completions", `{"model":"tiny",`+fields+`"messages":[{"role":"user","content":"What?"}]}`)
}

// apiError is an error's inner object.
type apiError struct {
	Message, Type, Code string
	Param               *string
}

func (g got) err(t *testing.T) apiError {
	t.Helper()
	var body struct{ Error *apiError }
	if err := json.Unmarshal([]byte(g.body), &body); err != nil || body.Error == nil {
		t.Fatalf("no OpenAI error in %d %s", g.status, g.body)
	}
	return *body.Error
}
