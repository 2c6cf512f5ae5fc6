package proc

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

const tailBytes = 64 << 10

// Tail returns the last lines of a file, however long it is.
func Tail(path string, lines int) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("reading a log: %w", err)
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return "", fmt.Errorf("reading a log: %w", err)
	}
	if _, err := file.Seek(max(0, size-tailBytes), io.SeekStart); err != nil {
		return "", fmt.Errorf("reading a log: %w", err)
	}
	content, err := io.ReadAll(file)
	if err != nil {
		return "", fmt.Errorf("reading a log: %w", err)
	}
	return string(lastLines(content, lines)), nil
}

func lastLines(content []byte, lines int) []byte {
	content = bytes.TrimRight(content, "\n")
	end := len(content)
	for range lines {
		i := bytes.LastIndexByte(content[:end], '\n')
		if i < 0 {
			return content
		}
		end = i
	}
	return content[end+1:]
}
