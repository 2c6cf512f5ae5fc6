package ask

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestTheShippedQuestionsLoad(t *testing.T) {
	questions, err := Load("../../models/aircache-tiny-samples")
	if err != nil {
		t.Fatal(err)
	}
	lists := Only(questions, "list_row", "list_colour")
	if len(lists) == 0 || len(lists) >= len(questions) {
		t.Errorf("%d of %d questions ask for lists", len(lists), len(questions))
	}
	for _, q := range questions {
		if !strings.HasPrefix(q.mediaType(), "image/") || q.Text == "" || q.Expected == "" {
			t.Errorf("%s: %q -> %q is incomplete (%s)", q.Picture, q.Text, q.Expected, q.mediaType())
		}
	}
}

func TestAnAnswerCarriesWhatItCost(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body["model"] != "tiny" || r.URL.Path != "/v1/chat/completions" {
			http.Error(w, "unexpected request", http.StatusBadRequest)
			return
		}
		_, _ = w.Write([]byte(`{"choices":[{"message":{"content":" 7KQ2"}}],"usage":{"aircache":{"retention_permille":100,"visual_tokens":576,"visual_tokens_kept":58,"kv_bytes_full":10,"kv_bytes_kept":1,"recall":0.9}}}`))
	}))
	defer server.Close()
	q := Question{Bytes: []byte("\x89PNG\r\n\x1a\n"), Text: "Which code?", Expected: "7KQ2"}
	got, err := Client{HTTP: server.Client(), URL: server.URL + "/", Model: "tiny"}.Ask(t.Context(), q, 8)
	if err != nil {
		t.Fatal(err)
	}
	if !q.Right(got.Text) || got.RetentionPermille != 100 || got.VisualTokensKept != 58 || got.KVBytesFull != 10 {
		t.Errorf("got %+v", got)
	}
	if _, err := (Client{HTTP: server.Client(), URL: server.URL, Model: "other"}).Ask(t.Context(), q, 8); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("a refused question gives %v, expected an error with the status", err)
	}
}
