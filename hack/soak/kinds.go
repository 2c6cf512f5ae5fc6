package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"aircache.dev/aircache/e2e/ask"
	"aircache.dev/aircache/hack/serving"
)

// kinds of requests, with how many of a hundred and some are of each. ask says how it ended, and fails where the answer is not
// what it must be.
var kinds = []struct {
	name  string
	share int
	ask   func(context.Context, *world, *rand.Rand) (string, error)
}{
	{"a question about a picture", 30, whole},
	{"a stream", 18, streamed},
	{"a stream that is left in the middle", 10, left},
	{"a question whose client goes away", 8, gone},
	{"a picture by URL", 6, byURL},
	{"text alone, sampled", 6, sampled},
	{"a bad request", 16, bad},
	{"a change of the retention", 3, retune},
	{"a look at metrics and observation", 3, look},
}

// world is who is asked.
type world struct {
	child     *serving.Process
	questions []ask.Question
	pictures  string // URL of their folder
	http      *http.Client

	mu       sync.Mutex
	revision int64
}

func (w *world) get(ctx context.Context, url string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return w.http.Do(request)
}

func (w *world) post(ctx context.Context, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.child.API+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	return w.http.Do(request)
}

// question is a request about one of the pictures, with more fields.
func (w *world) question(r *rand.Rand, url func(ask.Question) string, more map[string]any) ([]byte, ask.Question) {
	q := w.questions[r.IntN(len(w.questions))]
	return chat([]any{picture(url(q)), map[string]any{"type": "text", "text": q.Text}}, more), q
}

func picture(url string) any {
	return map[string]any{"type": "image_url", "image_url": map[string]any{"url": url}}
}

func dataURL(q ask.Question) string {
	return "data:" + http.DetectContentType(q.Bytes) + ";base64," + base64.StdEncoding.EncodeToString(q.Bytes)
}

func chat(content any, more map[string]any) []byte {
	body := map[string]any{"model": modelName, "max_tokens": 24, "temperature": 0, "messages": []any{map[string]any{"role": "user", "content": content}}}
	for name, value := range more {
		body[name] = value
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // maps and texts
	}
	return b
}

// completion is what every whole answer must have.
type completion struct {
	Object  string
	Choices []struct {
		Message      struct{ Role, Content string }
		FinishReason string `json:"finish_reason"`
	}
	Usage struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		Total      int `json:"total_tokens"`
	}
}

// answered reads a whole answer, or a refusal that a busy server may give.
func answered(response *http.Response) (c completion, busy bool, err error) {
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return c, false, fmt.Errorf("reading the answer: %w", err)
	}
	if response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") != "" {
		return c, true, nil
	}
	if response.StatusCode != http.StatusOK {
		return c, false, fmt.Errorf("status %d: %s", response.StatusCode, b)
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, false, fmt.Errorf("reading the answer: %w", err)
	}
	u := c.Usage
	if c.Object != "chat.completion" || len(c.Choices) != 1 || c.Choices[0].Message.Role != "assistant" || u.Prompt == 0 || u.Completion == 0 || u.Total != u.Prompt+u.Completion {
		return c, false, fmt.Errorf("not a valid completion: %s", b)
	}
	if f := c.Choices[0].FinishReason; f != "stop" && f != "length" {
		return c, false, fmt.Errorf("finish_reason is %q", f)
	}
	return c, false, nil
}

const toldToWait = "told to come back"

func (w *world) whole(ctx context.Context, body []byte, q *ask.Question) (string, error) {
	response, err := w.post(ctx, body)
	if err != nil {
		return "", err
	}
	c, busy, err := answered(response)
	switch {
	case err != nil:
		return "", err
	case busy:
		return toldToWait, nil
	case q != nil && q.Right(c.Choices[0].Message.Content):
		return "answered, right", nil
	case q != nil:
		return "answered, otherwise", nil
	}
	return "answered", nil
}

func whole(ctx context.Context, w *world, r *rand.Rand) (string, error) {
	body, q := w.question(r, dataURL, nil)
	return w.whole(ctx, body, &q)
}

func byURL(ctx context.Context, w *world, r *rand.Rand) (string, error) {
	body, q := w.question(r, func(q ask.Question) string { return w.pictures + "/" + q.Picture }, nil)
	return w.whole(ctx, body, &q)
}

func sampled(ctx context.Context, w *world, r *rand.Rand) (string, error) {
	return w.whole(ctx, chat("hello", map[string]any{"temperature": 1.5, "seed": r.IntN(1000), "logprobs": true, "top_logprobs": 3, "stop": []string{"zz"}}), nil)
}

// streamed reads a stream to its end: every event is JSON, there is one finish_reason, and [DONE] is last.
func streamed(ctx context.Context, w *world, r *rand.Rand) (string, error) {
	body, _ := w.question(r, dataURL, map[string]any{"stream": true, "stream_options": map[string]any{"include_usage": true}})
	response, err := w.post(ctx, body)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		_, busy, err := answered(response)
		if busy {
			return toldToWait, nil
		}
		return "", err
	}
	finishes, usages, done := 0, 0, false
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		data, is := strings.CutPrefix(lines.Text(), "data: ")
		if !is {
			continue
		}
		if done {
			return "", errors.New("the stream goes on behind [DONE]")
		}
		if done = data == "[DONE]"; done {
			continue
		}
		var event struct {
			Choices []struct {
				FinishReason *string `json:"finish_reason"`
			}
			Usage *struct{}
			Error *struct{ Message string }
		}
		if err := json.Unmarshal([]byte(data), &event); err != nil || event.Error != nil {
			return "", fmt.Errorf("an event of the stream: %v: %s", err, data)
		}
		for _, c := range event.Choices {
			if c.FinishReason != nil {
				finishes++
			}
		}
		if event.Usage != nil {
			usages++
		}
	}
	if !done || finishes != 1 || usages != 1 {
		return "", fmt.Errorf("a stream with %d finish reasons and %d usages, done: %v", finishes, usages, done)
	}
	return "streamed to the end", nil
}

// left reads a little of a stream and closes the connection.
func left(ctx context.Context, w *world, r *rand.Rand) (string, error) {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	body, _ := w.question(r, dataURL, map[string]any{"stream": true})
	response, err := w.post(ctx, body)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		_, busy, err := answered(response)
		if busy {
			return toldToWait, nil
		}
		return "", err
	}
	if _, err := io.CopyN(io.Discard, response.Body, int64(1+r.IntN(400))); err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the beginning of a stream: %w", err)
	}
	return "left", nil
}

// gone gives up at a random moment before or while the answer is made.
func gone(ctx context.Context, w *world, r *rand.Rand) (string, error) {
	within, cancel := context.WithTimeout(ctx, time.Duration(1+r.IntN(300))*time.Millisecond)
	defer cancel()
	body, _ := w.question(r, dataURL, nil)
	response, err := w.post(within, body)
	if err == nil {
		defer func() { _ = response.Body.Close() }()
		_, err = io.Copy(io.Discard, response.Body)
	}
	switch {
	case err == nil:
		return "answered before its client went away", nil
	case within.Err() != nil && ctx.Err() == nil:
		return "given up", nil
	}
	return "", err
}

// bads are requests with the status that each must get.
var bads = []struct {
	status int
	body   func(w *world, r *rand.Rand) []byte
}{
	{400, func(*world, *rand.Rand) []byte { return []byte("{") }},
	{400, func(*world, *rand.Rand) []byte { return nil }},
	{400, func(*world, *rand.Rand) []byte { return chat("x", map[string]any{"temperature": 9}) }},
	{400, func(*world, *rand.Rand) []byte { return chat("x", map[string]any{"n": 2}) }},
	{400, func(*world, *rand.Rand) []byte { return chat("x", map[string]any{"colour": "red"}) }},
	{400, func(*world, *rand.Rand) []byte { return chat(strings.Repeat("long ", 20_000), nil) }},
	{400, func(*world, *rand.Rand) []byte { return chat([]any{picture("data:image/png;base64,AAAA")}, nil) }},
	{400, func(*world, *rand.Rand) []byte { return chat([]any{picture("http://169.254.169.254/")}, nil) }},
	{400, func(w *world, _ *rand.Rand) []byte { return chat([]any{picture(w.pictures + "/none.png")}, nil) }},
	{404, func(*world, *rand.Rand) []byte { return chat("x", map[string]any{"model": "other"}) }},
	{413, func(*world, *rand.Rand) []byte { return chat(strings.Repeat("x", 2<<20), nil) }},
	{400, truncated},
}

// truncated is a picture that ends in the middle.
func truncated(w *world, r *rand.Rand) []byte {
	q := w.questions[r.IntN(len(w.questions))]
	q.Bytes = q.Bytes[:len(q.Bytes)/8]
	return chat([]any{picture(dataURL(q))}, nil)
}

func bad(ctx context.Context, w *world, r *rand.Rand) (string, error) {
	b := bads[r.IntN(len(bads))]
	response, err := w.post(ctx, b.body(w, r))
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	var body struct {
		Error *struct{ Message, Type string }
	}
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil || body.Error == nil || body.Error.Message == "" {
		return "", fmt.Errorf("status %d without an error in OpenAI's shape: %v", response.StatusCode, err)
	}
	if response.StatusCode == http.StatusServiceUnavailable {
		return toldToWait, nil
	}
	if response.StatusCode != b.status {
		return "", fmt.Errorf("status %d, want %d: %s", response.StatusCode, b.status, body.Error.Message)
	}
	return fmt.Sprintf("refused with %d", b.status), nil
}

// retune sets a random retention; changes are made one after the other, since the pod takes no older revision.
func retune(ctx context.Context, w *world, r *rand.Rand) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.revision++
	return "the retention was changed", w.child.Retune(ctx, w.revision, int32(10+r.IntN(991)))
}

func look(ctx context.Context, w *world, _ *rand.Rand) (string, error) {
	if _, err := w.metrics(ctx); err != nil {
		return "", err
	}
	response, err := w.get(ctx, w.child.Control+"/v1/observation")
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the observation: status %d", response.StatusCode)
	}
	return "looked at", json.NewDecoder(response.Body).Decode(&struct{}{})
}
