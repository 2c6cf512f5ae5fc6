package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/spf13/pflag"

	"aircache.dev/aircache/e2e/ask"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/server/openai"
)

const (
	tinyModel   = "../../models/aircache-tiny"
	tinySamples = "../../models/aircache-tiny-samples"
)

// tiny is `aircache serve` with the shipped model, in this process.
type tiny struct {
	t            *testing.T
	log          *logLines
	signals      chan os.Signal
	result       chan error
	api, control string
	questions    []ask.Question
}

func serveTiny(t *testing.T, edit ...func(*serveFlags)) *tiny {
	t.Helper()
	s := &tiny{t: t, log: newLog(), signals: make(chan os.Signal, 2), result: make(chan error, 1)}
	var err error
	if s.questions, err = ask.Load(tinySamples); err != nil {
		t.Fatal(err)
	}
	f := serveFlags{}
	f.register(pflag.NewFlagSet("", pflag.ContinueOnError)) // the defaults of the command line
	f.model, f.servedName, f.addr, f.controlAddr, f.logFormat, f.kvCacheBytes, f.lingerSeconds = tinyModel, "tiny", "127.0.0.1:0", "127.0.0.1:0", "text", 64<<20, 0
	for _, e := range edit {
		e(&f)
	}
	go func() { s.result <- serve(t.Context(), f, s.log, s.signals) }()
	line := s.log.await(t, "listening")
	s.api, s.control = "http://"+field(line, "api"), "http://"+field(line, "control")
	s.log.await(t, "ready")
	return s
}

func (s *tiny) call(method, url, body string) (int, http.Header, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

func (s *tiny) ask(q ask.Question) ask.Answer {
	s.t.Helper()
	answer, err := ask.Client{HTTP: http.DefaultClient, URL: s.api, Model: "tiny"}.Ask(s.t.Context(), q, 32)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer
}

func (s *tiny) stop() {
	s.t.Helper()
	s.signals <- syscall.SIGTERM
	if err := <-s.result; err != nil {
		s.t.Errorf("the process ended with %v", err)
	}
}

// post asks with the fields of a raw body added, such as `"stream":true`.
func (s *tiny) post(q ask.Question, fields string) (int, http.Header, string) {
	s.t.Helper()
	url := "data:image/png;base64," + base64.StdEncoding.EncodeToString(q.Bytes)
	return s.call("POST", s.api+"/v1/chat/completions", fmt.Sprintf(
		`{"model":"tiny","max_tokens":32,"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":%q}},{"type":"text","text":%q}]}]%s}`, url, q.Text, fields))
}

func (s *tiny) completion(q ask.Question, fields string) openai.Completion {
	s.t.Helper()
	status, _, body := s.post(q, fields)
	var c openai.Completion
	if err := json.Unmarshal([]byte(body), &c); err != nil || status != 200 || len(c.Choices) != 1 {
		s.t.Fatalf("got %d %s, %v", status, body, err)
	}
	return c
}

// longest is the question with the longest answer: enough tokens to stream, stop and score.
func (s *tiny) longest() ask.Question {
	best := s.questions[0]
	for _, q := range s.questions {
		if len(q.Expected) > len(best.Expected) {
			best = q
		}
	}
	return best
}

func TestTheTinyModelAnswersAboutThePictures(t *testing.T) {
	s := serveTiny(t)
	for i := 0; i < len(s.questions); i += 5 { // 36 of them, 6 to a picture, each of another task: this takes every task and picture
		q := s.questions[i]
		if a := s.ask(q); !q.Right(a.Text) {
			t.Errorf("%s: %s: got %q with the full cache, want %q", q.Picture, q.Text, a.Text, q.Expected)
		}
	}
	s.stop()
	if strings.Contains(s.log.all(), "level=ERROR") {
		t.Errorf("errors in the log:\n%s", s.log.all())
	}
}

func TestOneAnswerHasOneTextHoweverItIsAskedFor(t *testing.T) {
	s := serveTiny(t)
	q := s.longest()
	whole := s.completion(q, "").Choices[0].Message.Content

	_, _, body := s.post(q, `,"stream":true`)
	var streamed strings.Builder
	for line := range strings.Lines(body) {
		var chunk openai.Chunk
		if data, ok := strings.CutPrefix(line, "data: "); ok && json.Unmarshal([]byte(data), &chunk) == nil && len(chunk.Choices) == 1 && chunk.Choices[0].Delta.Content != nil {
			streamed.WriteString(*chunk.Choices[0].Delta.Content)
		}
	}
	if streamed.String() != whole {
		t.Errorf("streamed %q, whole %q", streamed.String(), whole)
	}
	if stop := whole[3:5]; !strings.HasPrefix(whole, s.completion(q, fmt.Sprintf(`,"stop":%q`, stop)).Choices[0].Message.Content+stop) {
		t.Errorf("the stop string %q does not cut %q where it begins", stop, whole)
	}
	scored := s.completion(q, `,"logprobs":true,"top_logprobs":2`).Choices[0]
	var tokens strings.Builder
	for _, p := range scored.LogProbs.Content {
		tokens.WriteString(p.Token)
		if p.LogProb > 0 || len(p.Top) != 2 || p.Top[0].LogProb < p.Top[1].LogProb {
			t.Errorf("entry %+v", p)
		}
	}
	if tokens.String() != whole {
		t.Errorf("the tokens of logprobs are %q, the answer is %q", tokens.String(), whole)
	}
	s.stop()
}

func TestASeedDecidesWhatIsDrawn(t *testing.T) {
	s := serveTiny(t)
	draw := func(seed int) string { // without a picture the model is unsure
		_, _, body := s.call("POST", s.api+"/v1/chat/completions", fmt.Sprintf(`{"model":"tiny","temperature":2,"seed":%d,"max_tokens":12,"messages":[{"role":"user","content":"hello"}]}`, seed))
		var c openai.Completion
		if err := json.Unmarshal([]byte(body), &c); err != nil || len(c.Choices) != 1 {
			t.Fatalf("got %s, %v", body, err)
		}
		return c.Choices[0].Message.Content
	}
	drawn := map[string]bool{}
	for seed := range 8 {
		first := draw(seed)
		drawn[first] = true
		if again := draw(seed); again != first {
			t.Errorf("seed %d draws %q, then %q", seed, first, again)
		}
	}
	if len(drawn) < 2 {
		t.Errorf("8 seeds draw the same answer: %v", drawn)
	}
	s.stop()
}

func TestAnswersAreTheSameAloneAndAtOnce(t *testing.T) {
	s := serveTiny(t)
	var alone, together []string
	for _, q := range s.questions[:3] {
		alone = append(alone, s.ask(q).Text)
	}
	together = make([]string, len(alone))
	var all sync.WaitGroup
	for i := range together {
		all.Go(func() { together[i] = s.completion(s.questions[i], "").Choices[0].Message.Content })
	}
	all.Wait()
	if strings.Join(alone, "|") != strings.Join(together, "|") {
		t.Errorf("alone %q, at once %q", alone, together)
	}
	s.stop()
}

func TestTheRetentionChangesWhileTheModelServes(t *testing.T) {
	s := serveTiny(t)
	q := s.questions[0]
	full := s.ask(q)
	if full.KVBytesKept != full.KVBytesFull || full.RetentionPermille != 1000 {
		t.Errorf("full: %+v", full)
	}
	status, _, body := s.call("PUT", s.control+"/v1/tuning", `{"epoch":1,"revision":1,"targetPermille":100}`)
	if ack, err := control.DecodeAck(strings.NewReader(body)); status != 200 || err != nil || ack.TargetPermille != 100 {
		t.Fatalf("got %d %s", status, body)
	}
	low := s.ask(q)
	if low.RetentionPermille != 100 || low.VisualTokensKept != 58 || 4*low.KVBytesKept > full.KVBytesFull || !(low.Recall > 0 && low.Recall < 1) {
		t.Errorf("at 10 %%: %+v", low)
	}
	if _, header, _ := s.post(q, ""); header.Get("X-AirCache-Retention-Permille") != "100" {
		t.Errorf("headers %v", header)
	}
	if status, _, body := s.call("PUT", s.control+"/v1/tuning", `{"epoch":1,"revision":2,"targetPermille":99}`); status != 400 || !strings.Contains(body, "100 to 1000") {
		t.Errorf("under the floor: %d %s", status, body)
	}
	_, _, body = s.call("GET", s.control+"/v1/observation", "")
	seen, err := control.DecodeObservation(strings.NewReader(body))
	if err != nil || seen.Tokens.VisualSeenTotal != 3*576 || seen.Tokens.VisualKeptTotal > 700 || seen.KV.BytesFreedTotal == 0 || seen.KV.PagesUsed != 0 || seen.Applied.Revision != 1 {
		t.Errorf("observation %s, %v", body, err)
	}
	_, _, metrics := s.call("GET", s.api+"/metrics", "")
	for _, line := range []string{"aircache_retention_permille 100", "aircache_visual_tokens_seen_total 1728", `aircache_kv_pages{state="used"} 0`, `aircache_recall_count{retention_percent="10"} 3`,
		`vllm:request_success_total{finished_reason="stop",model_name="tiny"} 3`, `vllm:time_to_first_token_seconds_count{model_name="tiny"} 3`} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("%s is not in the metrics", line)
		}
	}
	s.stop()
}

func TestBadRequestsNameTheirFaultAndTheProcessLivesOn(t *testing.T) {
	s := serveTiny(t)
	cut := s.questions[0]
	cut.Bytes = cut.Bytes[:len(cut.Bytes)/2]
	junk := s.questions[0]
	junk.Bytes = []byte("GIF89a, but not really")
	long := s.questions[0]
	long.Text = strings.Repeat("again and again ", 4000)
	for _, c := range []struct {
		name  string
		q     ask.Question
		param string
		code  string
	}{
		{"a picture that is cut off", cut, "messages[0].content[0].image_url.url", "invalid_image"},
		{"a picture of no known format", junk, "messages[0].content[0].image_url.url", "invalid_image"},
		{"a prompt that is too long", long, "messages", "context_length_exceeded"},
	} {
		status, _, body := s.post(c.q, "")
		var e struct {
			Error struct{ Message, Param, Code string }
		}
		if err := json.Unmarshal([]byte(body), &e); err != nil || status != 400 || e.Error.Param != c.param || e.Error.Code != c.code {
			t.Errorf("%s: %d %s", c.name, status, body)
		}
	}
	if a := s.ask(s.questions[0]); a.Text == "" {
		t.Error("no answer after the bad requests")
	}
	s.stop()
}

func TestTheMountedTuningHoldsFromTheFirstRequest(t *testing.T) {
	file := write(t, "cpu.json", `{"uid":"u-1","pool":"cpu","epoch":2,"revision":5,"targetPermille":200}`)
	s := serveTiny(t, func(f *serveFlags) { f.tuningFile, f.deploymentUID, f.pool = file, "u-1", "cpu" })
	if a := s.ask(s.questions[0]); a.RetentionPermille != 200 {
		t.Errorf("the first answer ran with %d permille", a.RetentionPermille)
	}
	s.stop()
}

func TestGenerateAnswersOnce(t *testing.T) {
	questions, err := ask.Load(tinySamples)
	if err != nil {
		t.Fatal(err)
	}
	q := questions[0]
	args := []string{"generate", "--model", tinyModel, "--image", filepath.Join(tinySamples, q.Picture), "--prompt", q.Text}
	if out, err := execute(args...); err != nil || !q.Right(out) {
		t.Errorf("got %q, %v, want %q", out, err, q.Expected)
	}
	out, err := execute(append(args, "--json", "--retention-permille", "100")...)
	var answer struct {
		Text  string
		Usage openai.Usage
	}
	if err != nil || json.Unmarshal([]byte(out), &answer) != nil || answer.Usage.AirCache == nil || answer.Usage.AirCache.VisualTokensKept != 58 {
		t.Errorf("got %s, %v", out, err)
	}
	out, err = execute(append(args, "--json", "--image", filepath.Join(tinySamples, questions[len(questions)-1].Picture))...)
	if err != nil || json.Unmarshal([]byte(out), &answer) != nil || answer.Usage.PromptDetails.ImageTokens != 2*576 || answer.Text == "" {
		t.Errorf("two pictures: %s, %v", out, err)
	}
	if _, err := execute("generate", "--model", tinyModel, "--image", "main.go", "--prompt", "x"); err == nil || !strings.Contains(err.Error(), "main.go") {
		t.Errorf("a picture that is none: %v", err)
	}
}

func TestEveryPolicyServes(t *testing.T) {
	questions, err := ask.Load(tinySamples)
	if err != nil {
		t.Fatal(err)
	}
	q := questions[0]
	for _, word := range append(compress.Names(), "AirCache+granularity=KVHead+eliteMin=4") {
		out, err := execute("generate", "--model", tinyModel, "--image", filepath.Join(tinySamples, q.Picture), "--prompt", q.Text,
			"--json", "--retention-permille", "500", "--max-tokens", "4", "--policy", word)
		var answer struct{ Usage openai.Usage }
		if err != nil || json.Unmarshal([]byte(out), &answer) != nil || answer.Usage.AirCache == nil {
			t.Errorf("%s: got %s, %v", word, out, err)
			continue
		}
		kept, recall := 288, answer.Usage.AirCache.Recall
		if word == "Full" {
			kept = 576
		}
		scored := recall > 0 && recall < 1
		if got := answer.Usage.AirCache.VisualTokensKept; got != kept || scored == (word == "Full") {
			t.Errorf("%s keeps %d of 576 with a recall of %v, want %d", word, got, recall, kept)
		}
	}
}

// A second question about a picture finds it in the cache, and the usage and the metrics say so; with the cache off nothing is found.
func TestASecondQuestionAboutAPictureFindsItCached(t *testing.T) {
	s := serveTiny(t)
	first, second := s.questions[0], s.questions[1]
	if first.Picture != second.Picture {
		t.Fatalf("the samples' first questions are about %s and %s, one picture wanted", first.Picture, second.Picture)
	}
	if n := s.completion(first, "").Usage.PromptDetails.CachedTokens; n != 0 {
		t.Errorf("the first question found %d tokens", n)
	}
	c := s.completion(second, "")
	if n := c.Usage.PromptDetails.CachedTokens; n < c.Usage.PromptDetails.ImageTokens || n >= c.Usage.PromptTokens {
		t.Errorf("the second question found %d tokens of %d, the picture has %d", n, c.Usage.PromptTokens, c.Usage.PromptDetails.ImageTokens)
	}
	if !second.Right(c.Choices[0].Message.Content) {
		t.Errorf("got %q, want %q", c.Choices[0].Message.Content, second.Expected)
	}
	_, _, metrics := s.call("GET", s.api+"/metrics", "")
	if want := fmt.Sprintf("vllm:prefix_cache_hits_total{model_name=\"tiny\"} %d\n", c.Usage.PromptDetails.CachedTokens); !strings.Contains(metrics, want) {
		t.Errorf("the metrics lack %q", want)
	}
	s.stop()

	off := serveTiny(t, func(f *serveFlags) { f.caching.prefixCache = false })
	off.completion(first, "")
	if n := off.completion(second, "").Usage.PromptDetails.CachedTokens; n != 0 {
		t.Errorf("with the cache off %d tokens were found", n)
	}
	off.stop()
}
