package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"aircache.dev/aircache/runtime/server"
)

// readDefaults reads how the model's author wants it sampled. Without
// generation_config.json OpenAI's defaults hold: temperature 1, top_p 1.
func readDefaults(dir string) (server.Defaults, error) {
	openAI := server.Defaults{Temperature: 1, TopP: 1}
	b, err := os.ReadFile(filepath.Join(dir, "generation_config.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return openAI, nil
	}
	if err != nil {
		return openAI, fmt.Errorf("reading generation_config.json: %w", err)
	}
	var file struct {
		DoSample     *bool    `json:"do_sample"`
		Temperature  *float64 `json:"temperature"`
		TopP         *float64 `json:"top_p"`
		TopK         *int     `json:"top_k"`
		MaxNewTokens *int     `json:"max_new_tokens"`
	}
	if err := json.Unmarshal(b, &file); err != nil {
		return openAI, fmt.Errorf("reading generation_config.json: %w", err)
	}
	d := openAI
	if file.MaxNewTokens != nil {
		d.MaxTokens = *file.MaxNewTokens
	}
	if file.DoSample != nil && !*file.DoSample {
		d.Temperature = 0 // greedy; the other fields have no meaning then
		return d, d.Check()
	}
	if file.Temperature != nil {
		d.Temperature = *file.Temperature
	}
	if file.TopP != nil {
		d.TopP = *file.TopP
	}
	if file.TopK != nil {
		d.TopK = *file.TopK
	}
	return d, d.Check()
}
