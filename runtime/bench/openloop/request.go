package openloop

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
)

// Question is what one request asks: pictures in their encoded form, and a text behind them.
type Question struct {
	Pictures [][]byte
	Text     string
}

// body is the request that streams an answer and tells its tokens at the end.
func (t *Target) body(q Question, maxTokens int) ([]byte, error) {
	type url struct {
		URL string `json:"url"`
	}
	type part struct {
		Type  string `json:"type"`
		Text  string `json:"text,omitempty"`
		Image *url   `json:"image_url,omitempty"`
	}
	var parts []part
	for _, p := range q.Pictures {
		parts = append(parts, part{Type: "image_url", Image: &url{"data:" + http.DetectContentType(p) + ";base64," + base64.StdEncoding.EncodeToString(p)}})
	}
	parts = append(parts, part{Type: "text", Text: q.Text})
	body := map[string]any{
		"model": t.Model, "messages": []any{map[string]any{"role": "user", "content": parts}},
		"max_tokens": maxTokens, "temperature": 0, "stream": true, "stream_options": map[string]bool{"include_usage": true},
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // "+" and "/" of base64 stay one byte
	if err := e.Encode(body); err != nil {
		return nil, fmt.Errorf("writing a request: %w", err)
	}
	return b.Bytes(), nil
}
