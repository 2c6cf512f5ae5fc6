package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var includeLine = regexp.MustCompile(`(?m)^\s*#\s*include\s+"([^"]+)"`)

// fingerprint is of a file, of every header of ours that it leads to, and of the words that are given.
func fingerprint(file string, words ...string) (string, error) {
	seen := map[string][]byte{}
	if err := collect(file, seen); err != nil {
		return "", err
	}
	names := make([]string, 0, len(seen))
	for name := range seen {
		names = append(names, name)
	}
	slices.Sort(names)
	sum := sha256.New()
	fmt.Fprintln(sum, strings.Join(words, "\x00"))
	for _, name := range names {
		fmt.Fprintln(sum, name, len(seen[name]))
		sum.Write(seen[name])
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

// collect follows #include "..." lines; a name that is no file beside the including one is the toolkit's.
func collect(file string, seen map[string][]byte) error {
	if _, done := seen[file]; done {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	seen[file] = text
	for _, m := range includeLine.FindAllSubmatch(text, -1) {
		header := filepath.Join(filepath.Dir(file), string(m[1]))
		if _, err := os.Stat(header); err != nil {
			continue
		}
		if err := collect(header, seen); err != nil {
			return err
		}
	}
	return nil
}

// glob is sorted.
func glob(pattern string) []string {
	files, _ := filepath.Glob(pattern)
	slices.Sort(files)
	return files
}

// stem is a file's name without folder and extension.
func stem(file string) string {
	return strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
}
