package main

import (
	"fmt"
	"os"
	"strings"
)

// readKeys reads API keys, one a line; empty lines and lines that begin with # are passed over.
func readKeys(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading --api-key-file: %w", err)
	}
	var keys []string
	for line := range strings.Lines(string(b)) {
		if key := strings.TrimSpace(line); key != "" && !strings.HasPrefix(key, "#") {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		// An empty file is a mistake: taking it for "no key" would open the server.
		return nil, fmt.Errorf("reading --api-key-file: %s has no key in it", path)
	}
	return keys, nil
}
