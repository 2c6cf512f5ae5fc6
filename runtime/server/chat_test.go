package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/engine"
	"aircache.dev/aircache/runtime/server/openai"
)

const picture = `{"type":"image_url","image_url":{"url":"data:image/png;base64,cGlj"}}` // "pic"

func (g got) completion(t *testing.T) openai.Completion {
	t.Helper()
	var c openai.Completion
	if err := json.Unmarshal([]byte(g.body), &c); err != nil || g.status != http.StatusOK || len(c.Choices) != 1 {
		t.Fatalf("got %d %s, %v", g.status, g.body, err)
	}
	return c
}

func TestAnAnswerInOnePiece(t *testing.T) {
	w := newWorld(t)
	g := w.ask("")
	c := g.completion(t)
	if c.Choices[0].Message.Content != "It is 7KQ2." || c.Choices[0].FinishReason != "stop" || c.Object != "chat.completion" || c.Model != "tiny" || c.ID != "chatcmpl-id-1" {
		t.Errorf("got %s", g.body)
	}
	if c.Usage.PromptTokens != len("user:What?|") || c.Usage.CompletionTokens != 12 || c.Usage.TotalTokens != 23 || c.Usage.PromptDetails.ImageTokens != 3 {
		t.Errorf("usage %+v", c.Usage)
	}
	if *c.Usage.AirCache != (openai.AirCache{RetentionPermille: 400, VisualTokens: 3, VisualTokensKept: 1, KVBytesFull: 300, KVBytesKept: 100, Recall: .75}) {
		t.Errorf("aircache %+v", *c.Usage.AirCache)
	}
	if g.header.Get("X-AirCache-Retention-Permille") != "400" || g.header.Get("X-Request-Id") != "id-1" {
		t.Errorf("headers %v", g.header)
	}
}

func TestPicturesAndTurnsReachTheEngineInOrder(t *testing.T) {
	w := newWorld(t)
	w.do("POST", "/v1/chat/completions", `{"model":"tiny","max_tokens":9,"temperature":0,"top_p":0.5,"top_k":-1,"seed":3,"messages":[
		{"role":"user","content":[`+picture+`,{"type":"text","text":"A?"}]},
		{"role":"assistant","content":"Yes."},
		{"role":"user","content":[{"type":"text","text":"And "},{"type":"image_url","image_url":{"url":"data:image/png;base64,bG9uZ2Vy"}}]}]}`).completion(t)
	r := w.engine.request(0)
	if got, want := string([]rune(r.Tokens)), "user:▣▣▣A?|assistant:Yes.|user:And ▣▣▣|"; got != want {
		t.Errorf("prompt %q, want %q", got, want)
	}
	if len(r.Images) != 2 || r.Images[0].W != 3 || r.Images[1].W != 6 {
		t.Errorf("pictures %+v", r.Images)
	}
	s := r.Sampling
	if r.MaxTokens != 9 || s.Temperature != 0 || s.TopP != .5 || s.TopK != 0 || *s.Seed != 3 {
		t.Errorf("sampling %+v, max tokens %d", s, r.MaxTokens)
	}
}

func TestDefaultsOfTheModelHoldWhereTheRequestIsSilent(t *testing.T) {
	w := newWorld(t, func(_ *Options, m *Model) { m.Defaults = Defaults{Temperature: 0, TopP: .8, TopK: 20, MaxTokens: 64} })
	w.ask("").completion(t)
	r := w.engine.request(0)
	if r.MaxTokens != 64 || r.Sampling.Temperature != 0 || r.Sampling.TopP != .8 || r.Sampling.TopK != 20 || r.Sampling.Seed != nil {
		t.Errorf("got %+v", r)
	}
}

func TestAnAnswerMayFillTheContextAndNoMore(t *testing.T) {
	w := newWorld(t)
	w.ask(`"max_completion_tokens":189`).completion(t)
	w.ask("").completion(t)
	if asked, open := w.engine.request(0).MaxTokens, w.engine.request(1).MaxTokens; asked != 189 || open != 0 {
		t.Errorf("max tokens %d and %d, want the 189 that are left, and 0 for the engine to decide", asked, open)
	}
	g := w.ask(`"max_tokens":190`)
	if e := g.err(t); g.status != 400 || e.Code != "context_length_exceeded" || *e.Param != "max_tokens" || !strings.Contains(e.Message, "189") {
		t.Errorf("got %d %+v", g.status, e)
	}
}

func TestStopStringsEndTheAnswerAndTheEnginesWork(t *testing.T) {
	w := newWorld(t)
	w.engine.script = says("It is 7KQ2. And so on for ever", "length")
	c := w.ask(`"stop":["KQ2.","never"]`).completion(t)
	if c.Choices[0].Message.Content != "It is 7" || c.Choices[0].FinishReason != "stop" {
		t.Errorf("got %+v", c.Choices[0])
	}
	if c.Usage.CompletionTokens != len("It is 7KQ2.") || c.Usage.AirCache == nil {
		t.Errorf("usage %+v: want the 11 tokens up to the stop string, and the engine's account", c.Usage)
	}
}

func TestLogProbsCoverTheTextAndNothingMore(t *testing.T) {
	w := newWorld(t)
	w.engine.script = says("ab.é", "stop")
	c := w.ask(`"logprobs":true,"top_logprobs":2,"stop":["é"]`).completion(t)
	var tokens []string
	for _, p := range c.Choices[0].LogProbs.Content {
		tokens = append(tokens, p.Token)
		if p.LogProb != -.5 || len(p.Bytes) != len(p.Token) || len(p.Top) != 2 || p.Top[1].LogProb != openai.LowestLogProb {
			t.Errorf("entry %+v", p)
		}
	}
	if got := strings.Join(tokens, " "); got != "a b ." {
		t.Errorf("tokens %q, want those of the text that was answered", got)
	}
}

func TestTheEnginesFailureIsTheRequestsAlone(t *testing.T) {
	w := newWorld(t)
	w.engine.script = func(_ context.Context, s *fakeStream) {
		s.events <- engine.Event{Finish: engine.FinishError, Err: errors.New("reading /secret/path")}
	}
	g := w.ask("")
	if e := g.err(t); g.status != 500 || e.Type != "server_error" || strings.Contains(g.body, "secret") {
		t.Errorf("got %d %+v", g.status, e)
	}
	w.engine.script = says("fine", "stop")
	w.ask("").completion(t)
}

func TestAnEngineThatEndsWithoutAReasonIsAnError(t *testing.T) {
	w := newWorld(t)
	w.engine.script = func(context.Context, *fakeStream) {}
	if g := w.ask(""); g.status != 500 {
		t.Errorf("got %d %s", g.status, g.body)
	}
}

func TestPromptsAndAnswersStayOutOfTheLog(t *testing.T) {
	w := newWorld(t)
	w.do("POST", "/v1/chat/completions", `{"model":"tiny","messages":[{"role":"user","content":[`+picture+`,{"type":"text","text":"my secret"}]}]}`).completion(t)
	w.do("POST", "/v1/chat/completions", `{"model":"tiny","my secret":1}`)
	w.api.Close() // waits for the handlers, and with them for their log lines
	log := w.log.String()
	for _, secret := range []string{"my secret", "7KQ2", "cGlj"} {
		if strings.Contains(log, secret) {
			t.Errorf("%q is in the log:\n%s", secret, log)
		}
	}
	if !strings.Contains(log, "msg=answered id=chatcmpl-id-1 finish=stop") {
		t.Errorf("no line about the answer in\n%s", log)
	}
	if !strings.Contains(log, "status=400 code=unknown_parameter") {
		t.Errorf("no line about the refusal in\n%s", log)
	}
}
