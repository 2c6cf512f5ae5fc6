package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// findTemplate looks where transformers looks, in the same order.
func findTemplate(dir string) (source, path string, err error) {
	path = filepath.Join(dir, "chat_template.jinja")
	b, err := os.ReadFile(path)
	if err == nil {
		return string(b), path, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", path, fmt.Errorf("reading chat template: %w", err)
	}
	for _, name := range []string{"chat_template.json", "tokenizer_config.json"} {
		path = filepath.Join(dir, name)
		var f struct {
			Template templateField `json:"chat_template"`
		}
		if err := readJSON(path, &f); err != nil {
			return "", path, err
		}
		if f.Template != "" {
			return string(f.Template), path, nil
		}
	}
	return "", dir, fmt.Errorf("reading chat template: %s holds neither chat_template.jinja nor a chat_template in chat_template.json or tokenizer_config.json", dir)
}

// templateField is a template, or a list of named ones of which the one called default counts.
type templateField string

func (f *templateField) UnmarshalJSON(b []byte) error {
	var one string
	if err := json.Unmarshal(b, &one); err == nil {
		*f = templateField(one)
		return nil
	}
	var named []struct {
		Name     string `json:"name"`
		Template string `json:"template"`
	}
	if err := json.Unmarshal(b, &named); err != nil {
		return fmt.Errorf("chat_template: expected a text or a list of name and template: %w", err)
	}
	for _, n := range named {
		if n.Name == "default" {
			*f = templateField(n.Template)
			return nil
		}
	}
	return fmt.Errorf("chat_template: none of the %d templates is called default", len(named))
}

// specialTokens reads the tokens that templates refer to by name.
func specialTokens(dir string) (map[string]string, error) {
	var f map[string]json.RawMessage
	path := filepath.Join(dir, "tokenizer_config.json")
	if err := readJSON(path, &f); err != nil {
		return nil, err
	}
	tokens := map[string]string{}
	for _, name := range []string{"bos_token", "eos_token", "pad_token", "unk_token", "image_token"} {
		token, err := tokenText(f[name])
		if err != nil {
			return nil, fmt.Errorf("reading %s: %s: %w", path, name, err)
		}
		if token != "" {
			tokens[name] = token
		}
	}
	return tokens, nil
}

// tokenText reads a token that is written as a text or as an object with its content.
func tokenText(b json.RawMessage) (string, error) {
	if len(b) == 0 || string(b) == "null" {
		return "", nil
	}
	if b[0] == '"' {
		var text string
		err := json.Unmarshal(b, &text)
		return text, err
	}
	var token struct {
		Content string `json:"content"`
	}
	err := json.Unmarshal(b, &token)
	return token.Content, err
}

// readJSON leaves v alone when there is no such file.
func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading chat template: %w", err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}
