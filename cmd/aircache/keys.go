package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"aircache.dev/aircache/runtime/server"
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
	return parseKeys(path, b)
}

func parseKeys(path string, b []byte) (keys []string, err error) {
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

// keyFile follows the file of keys, which a kubelet replaces when the Secret changes.
type keyFile struct {
	path string
	last []byte
	keys *server.Keys // nil without a path
}

// openKeyFile needs the file to be right at the start.
func openKeyFile(path string) (*keyFile, error) {
	f := &keyFile{path: path}
	if path == "" {
		return f, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading --api-key-file: %w", err)
	}
	keys, err := parseKeys(path, b)
	if err != nil {
		return nil, err
	}
	f.last, f.keys = b, server.NewKeys(keys)
	return f, nil
}

// follow takes new keys at every tick until ctx ends. While the file is not usable the keys before stay: half a change must
// neither open the server nor close it.
func (f *keyFile) follow(ctx context.Context, ticks <-chan time.Time, log *slog.Logger) {
	if f.keys == nil {
		return
	}
	told := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		changed, err := f.poll()
		switch {
		case err == nil:
			told = ""
		case err.Error() != told:
			told = err.Error()
			log.Warn("the API keys are not usable; those before stay", "reason", err)
		}
		if changed {
			log.Info("the API keys were read again")
		}
	}
}

func (f *keyFile) poll() (changed bool, err error) {
	b, err := os.ReadFile(f.path)
	if err != nil {
		return false, fmt.Errorf("reading --api-key-file: %w", err)
	}
	if bytes.Equal(b, f.last) {
		return false, nil
	}
	keys, err := parseKeys(f.path, b)
	if err != nil {
		return false, err
	}
	f.last = b
	f.keys.Replace(keys)
	return true, nil
}
