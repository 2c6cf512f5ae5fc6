package parity

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/weights"
)

// steps is how many rows of logits a golden has.
const steps = 4

// golden is one prompt and what transformers answers.
type golden struct {
	Name     string
	Pictures []string
	Question string
	Tokens   []int32 `json:"input_ids"`
	Visual   []int   `json:"visual_tokens"`
	Greedy   []int32 `json:"greedy_ids"`

	logits  [][]float32 // of the prompt's last row, and of the first steps
	rounded [][]float32 // the same by transformers in bfloat16; nil in goldens without
}

func (g golden) pictures(t *testing.T, folder string) (pictures []*image.RGB) {
	t.Helper()
	for _, name := range g.Pictures {
		b, err := os.ReadFile(filepath.Join(folder, "pictures", name))
		must(t, err)
		p, err := image.Decode(b, image.Limits{})
		must(t, err)
		pictures = append(pictures, p)
	}
	return pictures
}

// read gives a folder's goldens with their logits.
func read(t *testing.T, folder string) []golden {
	t.Helper()
	var file struct{ Cases []golden }
	b, err := os.ReadFile(filepath.Join(folder, "cases.json"))
	must(t, err)
	must(t, json.Unmarshal(b, &file))
	if len(file.Cases) == 0 {
		t.Fatalf("%s has no goldens", folder)
	}
	dir := t.TempDir() // the reader wants a model folder's file name
	b, err = os.ReadFile(filepath.Join(folder, "tensors.safetensors"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "model.safetensors"), b, 0o600))
	tensors, err := weights.Open(dir)
	must(t, err)
	defer func() { must(t, tensors.Close()) }()
	for i := range file.Cases {
		g := &file.Cases[i]
		name := fmt.Sprintf("%02d", i)
		g.logits = rows(t, tensors, name)
		if tensors.Has(name + ".bfloat16") {
			g.rounded = rows(t, tensors, name+".bfloat16")
		}
	}
	return file.Cases
}

func rows(t *testing.T, tensors *weights.Checkpoint, name string) [][]float32 {
	t.Helper()
	values, err := tensors.Float32(name, steps, -1)
	must(t, err)
	return slices.Collect(slices.Chunk(values, len(values)/steps))
}
