package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// brokenCopy is the shipped model's folder with one file changed. Nil removes it.
func brokenCopy(t *testing.T, file string, change func([]byte) []byte) string {
	t.Helper()
	folder := t.TempDir()
	entries, err := os.ReadDir(tinyModel)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == file }) {
		t.Fatalf("the model has no %s", file)
	}
	for _, e := range entries {
		original, err := filepath.Abs(filepath.Join(tinyModel, e.Name()))
		if err == nil && e.Name() != file {
			err = os.Symlink(original, filepath.Join(folder, e.Name()))
		} else if err == nil && change != nil {
			var content []byte
			if content, err = os.ReadFile(original); err == nil {
				err = os.WriteFile(filepath.Join(folder, file), change(content), 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestABrokenModelFolderIsAnErrorThatNamesTheFile(t *testing.T) {
	half := func(b []byte) []byte { return b[:len(b)/2] }
	empty := func([]byte) []byte { return nil }
	noise := func(b []byte) []byte { return []byte(strings.Repeat("\xfe\x01", 4096)) }
	for _, file := range []string{
		"chat_template.jinja", "config.json", "tokenizer.json",
		"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json",
	} {
		for how, change := range map[string]func([]byte) []byte{"missing": nil, "empty": empty, "cut in half": half, "noise": noise} {
			_, err := execute("generate", "--model", brokenCopy(t, file, change), "--prompt", "hi")
			if err == nil || !strings.Contains(err.Error(), file) {
				t.Errorf("%s, %s: got %v", file, how, err)
			}
		}
	}
	for _, file := range []string{"generation_config.json", "tokenizer_config.json", "processor_config.json"} { // may be missing
		for how, change := range map[string]func([]byte) []byte{"empty": empty, "cut in half": half, "noise": noise} {
			_, err := execute("generate", "--model", brokenCopy(t, file, change), "--prompt", "hi")
			if err == nil || !strings.Contains(err.Error(), file) {
				t.Errorf("%s, %s: got %v", file, how, err)
			}
		}
		if _, err := execute("generate", "--model", brokenCopy(t, file, nil), "--prompt", "hi", "--max-tokens", "1"); err != nil {
			t.Errorf("without %s: %v", file, err)
		}
	}
}

func TestFilesOfTwoModelsAreFoundOut(t *testing.T) {
	for _, c := range []struct{ file, from, to, says string }{
		{"config.json", `"image_token_index": 1023`, `"image_token_index": 1021`, "picture tokens of it (config.json's image_token_index is 1021), 1 is wanted"},
		{"processor_config.json", "336", "224", "as the folder's image processor prepares it: encoding picture 0: the picture is 3 x 224 x 224"},
	} {
		other := func(b []byte) []byte { return []byte(strings.ReplaceAll(string(b), c.from, c.to)) }
		_, err := execute("generate", "--model", brokenCopy(t, c.file, other), "--prompt", "hi")
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("another %s: got %v", c.file, err)
		}
	}
}
