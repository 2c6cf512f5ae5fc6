// Package ask puts the shipped questions about pictures to an OpenAI-compatible
// server and compares its answers with the truth.
package ask

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// Question is one question about one picture, with its true answer.
type Question struct {
	Picture  string // file name
	Bytes    []byte // the file, JPEG or PNG
	Task     string
	Text     string
	Expected string
}

// Load reads a folder of pictures with its questions.json, in the file's order.
func Load(folder string) ([]Question, error) {
	raw, err := os.ReadFile(filepath.Join(folder, "questions.json"))
	if err != nil {
		return nil, fmt.Errorf("reading the questions: %w", err)
	}
	var pictures []struct {
		Picture   string `json:"picture"`
		Questions []struct {
			Task     string `json:"task"`
			Question string `json:"question"`
			Answer   string `json:"answer"`
		} `json:"questions"`
	}
	if err := json.Unmarshal(raw, &pictures); err != nil {
		return nil, fmt.Errorf("reading %s/questions.json: %w", folder, err)
	}
	var questions []Question
	for _, p := range pictures {
		picture, err := os.ReadFile(filepath.Join(folder, p.Picture))
		if err != nil {
			return nil, fmt.Errorf("reading a picture: %w", err)
		}
		for _, q := range p.Questions {
			questions = append(questions, Question{Picture: p.Picture, Bytes: picture, Task: q.Task, Text: q.Question, Expected: q.Answer})
		}
	}
	if len(questions) == 0 {
		return nil, fmt.Errorf("%s/questions.json holds no question", folder)
	}
	return questions, nil
}

// Only keeps the questions of some tasks.
func Only(questions []Question, tasks ...string) []Question {
	var kept []Question
	for _, q := range questions {
		for _, task := range tasks {
			if q.Task == task {
				kept = append(kept, q)
			}
		}
	}
	return kept
}

// Right compares exactly, but for space around the answer.
func (q Question) Right(answer string) bool {
	return strings.TrimSpace(answer) == q.Expected
}

func (q Question) mediaType() string { return http.DetectContentType(q.Bytes) }
