package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// target is a file on its way: its place on the disk, and which of its segments are there.
type target struct {
	file
	path, journal string
	out           *os.File
	segment       int64 // bytes of each but the last

	mu      sync.Mutex
	missing int  // segments
	resumed bool // some were fetched by an earlier process
}

// segment is the bytes from..to-1 of a file.
type segment struct {
	of       *target
	number   int
	from, to int64
}

// writerAt is what segments are written to.
type writerAt interface {
	WriteAt(b []byte, at int64) (int, error)
}

// begin opens a file and reads in its journal what an earlier process has fetched. The journal's first line says of what, the
// others are numbers of segments, each written after its bytes.
func begin(f file, model, journals string, segmentBytes int64) (t *target, segments []segment, err error) {
	t = &target{file: f, path: filepath.Join(model, filepath.FromSlash(f.name)), journal: filepath.Join(journals, strings.ReplaceAll(f.name, "/", "%")), segment: segmentBytes}
	if t.out, err = os.OpenFile(t.path, os.O_CREATE|os.O_RDWR, 0o666); err != nil {
		return nil, nil, explainDisk(f.name, err)
	}
	have, err := t.readJournal()
	if err == nil {
		err = t.out.Truncate(f.size) // the disk's blocks come with the bytes
	}
	if err != nil {
		t.out.Close()
		return nil, nil, explainDisk(f.name, err)
	}
	for i := range t.segments() {
		if !slices.Contains(have, i) {
			from := int64(i) * segmentBytes
			segments = append(segments, segment{of: t, number: i, from: from, to: min(from+segmentBytes, f.size)})
		}
	}
	t.missing, t.resumed = len(segments), len(segments) < t.segments()
	return t, segments, nil
}

func (t *target) segments() int { return int((t.size + t.segment - 1) / t.segment) }

// identity is the journal's first line: segments of another content, or cut otherwise, are not taken.
func (t *target) identity() string {
	text, _ := json.Marshal([]any{t.name, t.size, t.digest, t.etag, t.segment})
	return string(text)
}

func (t *target) readJournal() (have []int, err error) {
	b, err := os.ReadFile(t.journal)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	lines := strings.Split(string(b), "\n")
	info, err := t.out.Stat()
	if err != nil {
		return nil, err
	}
	if lines[0] != t.identity() || info.Size() != t.size {
		return nil, os.WriteFile(t.journal, []byte(t.identity()+"\n"), 0o666)
	}
	for _, line := range lines[1 : len(lines)-1] { // the last one ends in no newline: it is empty, or was cut
		if n, err := strconv.Atoi(line); err == nil && n >= 0 && n < t.segments() && !slices.Contains(have, n) {
			have = append(have, n)
		}
	}
	return have, nil
}

// fetched notes a segment, and tells whether it was the last.
func (t *target) fetched(number int) (complete bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f, err := os.OpenFile(t.journal, os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = fmt.Fprintf(f, "%d\n", number)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return false, explainDisk(t.name, err)
	}
	t.missing--
	return t.missing == 0, nil
}

// finish makes the bytes last, and checks that they are what the source announced. A file with the wrong content is forgotten.
func (t *target) finish(ctx context.Context) error {
	err := t.out.Sync()
	if err := errors.Join(err, t.out.Close()); err != nil {
		return explainDisk(t.name, err)
	}
	err = t.verify(ctx, t.path)
	var wrong *errDigest
	if errors.As(err, &wrong) {
		return errors.Join(err, os.Remove(t.journal), os.Remove(t.path))
	}
	return err
}
