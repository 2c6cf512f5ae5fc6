package cuda_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"aircache.dev/aircache/cuda"
	"aircache.dev/aircache/runtime/engine"
	"aircache.dev/aircache/runtime/eval"
	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/model"
)

const (
	tinyModel = "models/aircache-tiny"
	goldens   = "models/aircache-tiny-goldens"

	total   = 256 // questions: the goldens, and scenes of all tasks
	seed    = 7105
	longest = 24 // tokens of an answer
)

var tower = image.Tower{Side: 336, Rows: 576} // of the tiny model

// question is a golden prompt.
type question struct {
	Pictures []string `json:"pictures"`
	Tokens   []int32  `json:"input_ids"`
}

func questions(t testing.TB) []question {
	t.Helper()
	var file struct {
		Cases []question `json:"cases"`
	}
	content, err := os.ReadFile(filepath.Join(cuda.Root(), goldens, "cases.json"))
	if err == nil {
		err = json.Unmarshal(content, &file)
	}
	if err != nil || len(file.Cases) == 0 {
		t.Fatalf("reading %d golden prompts: %v", len(file.Cases), err)
	}
	return file.Cases
}

// requests are the first n of all: the goldens, then scenes, task by task in turn.
func requests(t testing.TB, n int) (all []engine.Request) {
	t.Helper()
	for _, q := range questions(t) {
		if len(all) < n {
			all = append(all, engine.Request{Tokens: q.Tokens, Images: pictures(t, q.Pictures), MaxTokens: longest})
		}
	}
	if len(all) < n {
		all = append(all, scenes(t, n-len(all))...)
	}
	return all
}

func pictures(t testing.TB, names []string) (all []image.Pixels) {
	t.Helper()
	p, err := image.LoadProcessor(filepath.Join(cuda.Root(), tinyModel), tower)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		encoded, err := os.ReadFile(filepath.Join(cuda.Root(), goldens, name))
		if err != nil {
			t.Fatal(err)
		}
		rgb, err := image.Decode(encoded, image.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		pixels, err := p.Process(rgb, len(names))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, pixels)
	}
	return all
}

func scenes(t testing.TB, n int) (all []engine.Request) {
	t.Helper()
	source, err := eval.NewScenes([]string{"all"}, seed)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := eval.OpenReader(filepath.Join(cuda.Root(), tinyModel), model.Config{ImageToken: 1023, VisualTokens: 576, Tower: tower})
	if err != nil {
		t.Fatal(err)
	}
	for i, tasks := 0, source.Tasks(); i < n; i++ {
		item, err := source.Item(tasks[i%len(tasks)], i/len(tasks))
		if err != nil {
			t.Fatal(err)
		}
		p, err := reader.Prompt(item, longest)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, engine.Request{Tokens: p.Tokens, Images: p.Images, MaxTokens: longest})
	}
	return all
}
