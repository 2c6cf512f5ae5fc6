package server

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/engine"
)

// transcript cuts what differs between runs and what every chunk repeats.
func transcript(body string) string {
	body = regexp.MustCompile(`"id":"[^"]*","object":"chat.completion.chunk","created":\d+,"model":"tiny",`).ReplaceAllString(body, "")
	return strings.ReplaceAll(body, "\n\n", "\n")
}

func TestAStreamedAnswer(t *testing.T) {
	w := newWorld(t)
	w.engine.script = says("Hi!", "length")
	g := w.ask(`"stream":true,"stream_options":{"include_usage":true}`)
	want := `data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}
data: {"choices":[{"index":0,"delta":{"content":"H"},"logprobs":null,"finish_reason":null}]}
data: {"choices":[{"index":0,"delta":{"content":"i"},"logprobs":null,"finish_reason":null}]}
data: {"choices":[{"index":0,"delta":{"content":"!"},"logprobs":null,"finish_reason":null}]}
data: {"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}]}
data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":4,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":0,"image_tokens":3},"aircache":{"retention_permille":400,"visual_tokens":3,"visual_tokens_kept":1,"kv_bytes_full":300,"kv_bytes_kept":100,"recall":0.75}}}
data: [DONE]
`
	if got := transcript(g.body); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if g.header.Get("Content-Type") != "text/event-stream; charset=utf-8" || g.header.Get("X-AirCache-Retention-Permille") != "400" {
		t.Errorf("headers %v", g.header)
	}
}

func TestAStreamHoldsBackWhatMayBeAStopString(t *testing.T) {
	w := newWorld(t)
	w.engine.script = says("a EN ENDz", "stop")
	g := w.ask(`"stream":true,"stop":"END"`)
	var text []string
	for _, m := range regexp.MustCompile(`"delta":\{"content":"([^"]*)"`).FindAllStringSubmatch(g.body, -1) {
		text = append(text, m[1])
	}
	if got := strings.Join(text, "|"); got != "a| |EN " {
		t.Errorf("pieces %q", got)
	}
	if strings.Contains(g.body, "usage") || !strings.Contains(g.body, `"finish_reason":"stop"`) || !strings.HasSuffix(g.body, "data: [DONE]\n\n") {
		t.Errorf("got %s", g.body)
	}
}

func TestAFailureInAStreamIsAnEvent(t *testing.T) {
	w := newWorld(t)
	w.engine.script = func(_ context.Context, s *fakeStream) {
		s.events <- engine.Event{Token: 'x'}
		s.events <- engine.Event{Finish: engine.FinishError, Err: errors.New("out of luck")}
	}
	g := w.ask(`"stream":true`)
	if g.status != 200 || !strings.Contains(g.body, `data: {"error":{"message":"The engine failed on this request.","type":"server_error","param":null,"code":"internal_error"}}`) {
		t.Errorf("got %d %s", g.status, g.body)
	}
}

func TestAFailureBeforeTheFirstTokenIsAStatusEvenInAStream(t *testing.T) {
	w := newWorld(t)
	w.engine.script = func(_ context.Context, s *fakeStream) {
		s.events <- engine.Event{Finish: engine.FinishError, Err: &engine.LimitError{Param: "messages", Limit: 10, Got: 11}}
	}
	if g := w.ask(`"stream":true`); g.status != 400 || *g.err(t).Param != "messages" {
		t.Errorf("got %d %s", g.status, g.body)
	}
}

func TestAClientThatLeavesFreesTheEngine(t *testing.T) {
	w := newWorld(t)
	released := make(chan struct{})
	w.engine.script = func(ctx context.Context, s *fakeStream) {
		s.events <- engine.Event{Token: 'x'}
		<-ctx.Done()
		close(released)
		s.events <- engine.Event{Finish: engine.FinishAbort}
	}
	ctx, leave := context.WithCancel(t.Context())
	r, _ := http.NewRequestWithContext(ctx, "POST", w.api.URL+"/v1/chat/completions",
		strings.NewReader(`{"model":"tiny","stream":true,"messages":[{"role":"user","content":"What?"}]}`))
	resp, err := w.api.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || !strings.HasPrefix(line, "data: ") {
		t.Fatalf("first line %q, %v", line, err)
	}
	leave()
	<-released
}
