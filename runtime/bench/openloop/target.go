package openloop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Target is a server of OpenAI's API.
type Target struct {
	URL   string // without /v1
	Key   string // empty: none is sent
	Model string
	HTTP  *http.Client
	Now   func() time.Time
}

// Answer is what became of one request. Times are seconds since its arrival.
type Answer struct {
	FirstToken float64   `json:"first_token"`
	Gaps       []float64 `json:"-"` // between pieces
	End        float64   `json:"end"`
	Tokens     int       `json:"tokens"`
	Cached     int       `json:"cached_tokens"`
	Finish     string    `json:"finish"`
	Err        error     `json:"-"`
}

// longestLine bounds a line of the stream; log probabilities of one token are far below it.
const longestLine = 1 << 20

// Models lists what the server serves.
func (t *Target) Models(ctx context.Context) ([]string, error) {
	response, err := t.do(ctx, http.MethodGet, "/v1/models", nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, longestLine)).Decode(&list); err != nil {
		return nil, fmt.Errorf("reading the list of models: %w", err)
	}
	var names []string
	for _, m := range list.Data {
		names = append(names, m.ID)
	}
	return names, nil
}

func (t *Target) do(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(t.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", t.URL, err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if t.Key != "" {
		request.Header.Set("Authorization", "Bearer "+t.Key)
	}
	response, err := t.HTTP.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", t.URL, err)
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	defer func() { _ = response.Body.Close() }()
	said, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	return nil, &StatusError{response.StatusCode, strings.TrimSpace(string(said))}
}

// StatusError is an answer that is not 200.
type StatusError struct {
	Status int
	Said   string
}

func (e *StatusError) Error() string { return fmt.Sprintf("status %d: %s", e.Status, e.Said) }

// ask streams one answer. arrived is when the request should have been sent: what it waited here counts.
func (t *Target) ask(ctx context.Context, body []byte, arrived time.Time) (a Answer) {
	response, err := t.do(ctx, http.MethodPost, "/v1/chat/completions", body)
	if err != nil {
		return Answer{Err: err}
	}
	defer func() { _ = response.Body.Close() }()
	a.Err = t.follow(response.Body, arrived, &a)
	return a
}

// chunk is the part of a streamed event that is read here.
type chunk struct {
	Choices []struct {
		Delta struct {
			Content   *string `json:"content"`
			Reasoning *string `json:"reasoning_content"` // of servers that part it
		} `json:"delta"`
		FinishReason *string `json:"finish_reason"`
	} `json:"choices"`
	Usage *struct {
		CompletionTokens int `json:"completion_tokens"`
		Details          *struct {
			CachedTokens int `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
	} `json:"usage"`
	Error *struct {
		Message string `json:"message"`
	} `json:"error"`
}

func (t *Target) follow(stream io.Reader, arrived time.Time, a *Answer) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, longestLine)
	pieces, last := 0, 0.0
	for lines.Scan() {
		data, is := bytes.CutPrefix(lines.Bytes(), []byte("data:"))
		data = bytes.TrimSpace(data)
		if !is || len(data) == 0 {
			continue
		}
		now := t.Now().Sub(arrived).Seconds()
		if string(data) == "[DONE]" {
			if a.Tokens == 0 {
				a.Tokens = pieces // a server that tells no usage
			}
			return nil
		}
		var c chunk
		if err := json.Unmarshal(data, &c); err != nil {
			return fmt.Errorf("reading an event of the stream: %w", err)
		}
		if c.Error != nil {
			return fmt.Errorf("the stream broke off: %s", c.Error.Message)
		}
		if c.hasText() {
			if pieces == 0 {
				a.FirstToken = now
			} else {
				a.Gaps = append(a.Gaps, now-last)
			}
			pieces, last, a.End = pieces+1, now, now
		}
		c.note(a)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading the stream: %w", err)
	}
	return errors.New("the stream ended without [DONE]")
}

func (c *chunk) hasText() bool {
	for _, choice := range c.Choices {
		for _, text := range []*string{choice.Delta.Content, choice.Delta.Reasoning} {
			if text != nil && *text != "" {
				return true
			}
		}
	}
	return false
}

func (c *chunk) note(a *Answer) {
	for _, choice := range c.Choices {
		if choice.FinishReason != nil {
			a.Finish = *choice.FinishReason
		}
	}
	if c.Usage != nil {
		a.Tokens = c.Usage.CompletionTokens
		if c.Usage.Details != nil {
			a.Cached = c.Usage.Details.CachedTokens
		}
	}
}
