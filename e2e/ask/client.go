package ask

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Client talks to /v1/chat/completions under URL.
type Client struct {
	HTTP  *http.Client
	URL   string // without the path
	Model string
}

// Answer is what the server said and what it cost.
type Answer struct {
	Text              string
	RetentionPermille int
	VisualTokens      int
	VisualTokensKept  int
	KVBytesFull       int64
	KVBytesKept       int64
	Recall            float64
}

// completion is the part of OpenAI's answer that is read here, with AirCache's addition to usage.
type completion struct {
	Choices []struct {
		Message struct {
			Content string `json:"content"`
		} `json:"message"`
	} `json:"choices"`
	Usage struct {
		AirCache struct {
			RetentionPermille int     `json:"retention_permille"`
			VisualTokens      int     `json:"visual_tokens"`
			VisualTokensKept  int     `json:"visual_tokens_kept"`
			KVBytesFull       int64   `json:"kv_bytes_full"`
			KVBytesKept       int64   `json:"kv_bytes_kept"`
			Recall            float64 `json:"recall"`
		} `json:"aircache"`
	} `json:"usage"`
}

// Ask sends one question, greedily decoded.
func (c Client) Ask(ctx context.Context, q Question, maxTokens int) (Answer, error) {
	body, err := json.Marshal(c.request(q, maxTokens))
	if err != nil {
		return Answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.URL, "/")+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return Answer{}, fmt.Errorf("asking %s: %w", c.URL, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return Answer{}, fmt.Errorf("reading the answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return Answer{}, fmt.Errorf("asking %s: %s: %s", c.URL, resp.Status, bytes.TrimSpace(raw))
	}
	var out completion
	if err := json.Unmarshal(raw, &out); err != nil {
		return Answer{}, fmt.Errorf("reading the answer: %w", err)
	}
	if len(out.Choices) != 1 {
		return Answer{}, fmt.Errorf("the answer has %d choices, expected 1: %s", len(out.Choices), raw)
	}
	a := out.Usage.AirCache
	return Answer{
		Text: out.Choices[0].Message.Content, RetentionPermille: a.RetentionPermille, VisualTokens: a.VisualTokens,
		VisualTokensKept: a.VisualTokensKept, KVBytesFull: a.KVBytesFull, KVBytesKept: a.KVBytesKept, Recall: a.Recall,
	}, nil
}

func (c Client) request(q Question, maxTokens int) map[string]any {
	dataURL := "data:" + q.mediaType() + ";base64," + base64.StdEncoding.EncodeToString(q.Bytes)
	return map[string]any{
		"model": c.Model, "max_tokens": maxTokens, "temperature": 0,
		"messages": []any{map[string]any{"role": "user", "content": []any{
			map[string]any{"type": "image_url", "image_url": map[string]any{"url": dataURL}},
			map[string]any{"type": "text", "text": q.Text},
		}}},
	}
}
