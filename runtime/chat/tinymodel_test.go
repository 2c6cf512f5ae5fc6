package chat

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"aircache.dev/aircache/runtime/tokenizer"
)

// TestTheTinyModelsPromptsAreTransformers follows a question from its words to the ids that the model reads.
func TestTheTinyModelsPromptsAreTransformers(t *testing.T) {
	b, err := os.ReadFile("../../models/aircache-tiny-goldens/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		Cases []struct {
			Question string   `json:"question"`
			Pictures []string `json:"pictures"`
			Prompt   string   `json:"prompt"`
			IDs      []int32  `json:"input_ids"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	template, err := Load("../../models/aircache-tiny", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.Load("../../models/aircache-tiny")
	if err != nil {
		t.Fatal(err)
	}
	image, ok := tok.TokenID("<image>")
	if !ok || len(g.Cases) == 0 {
		t.Fatalf("<image> is %d (%t), %d cases", image, ok, len(g.Cases))
	}
	for _, c := range g.Cases {
		var content []Part
		var counts []int
		for range c.Pictures {
			content = append(content, Part{Type: "image"})
			counts = append(counts, 576)
		}
		content = append(content, Part{Type: "text", Text: c.Question})
		prompt, err := template.Render([]Message{{Role: "user", Content: content}}, true)
		if err != nil || prompt != c.Prompt {
			t.Fatalf("%q: %v\n got %q\nwant %q", c.Question, err, prompt, c.Prompt)
		}
		ids, err := tok.Encode(prompt)
		if err != nil {
			t.Fatal(err)
		}
		if ids, err = ExpandImages(ids, image, counts); err != nil || !slices.Equal(ids, c.IDs) {
			t.Errorf("%q: %d ids, %v, want %d ids", c.Question, len(ids), err, len(c.IDs))
		}
	}
}
