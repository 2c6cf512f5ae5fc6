package eval

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Journal is the file of finished samples: the settings in its first line, then a sample a line, in the order in which they ended.
type Journal struct {
	file *os.File
	done map[sampleKey]Record
}

type sampleKey struct {
	task  string
	index int
}

// OpenJournal reads what is there and refuses a journal of other settings. A last line that was cut short is dropped: its sample
// runs again.
func OpenJournal(name string, s Settings) (*Journal, error) {
	content, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	content = content[:bytes.LastIndexByte(content, '\n')+1]
	j := &Journal{done: map[sampleKey]Record{}}
	if err := j.read(content, s); err != nil {
		return nil, fmt.Errorf("going on with %s: %w", name, err)
	}
	if j.file, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	if err := errors.Join(j.file.Truncate(int64(len(content))), seekEnd(j.file)); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the journal: %w", err), j.file.Close())
	}
	if len(content) == 0 {
		if err := j.write(s); err != nil {
			return nil, errors.Join(err, j.file.Close())
		}
	}
	return j, nil
}

func seekEnd(f *os.File) error {
	_, err := f.Seek(0, io.SeekEnd)
	return err
}

func (j *Journal) read(content []byte, now Settings) error {
	lines := bufio.NewReader(bytes.NewReader(content))
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err != nil { // the end
			return nil
		}
		if n == 1 {
			var then Settings
			if err := json.Unmarshal(line, &then); err != nil {
				return fmt.Errorf("reading line 1: %w", err)
			}
			if why := now.differs(then); why != "" {
				return fmt.Errorf("it was begun with other settings (%s); name another file, or delete this one to begin anew", why)
			}
			continue
		}
		var r Record
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("reading line %d: %w", n, err)
		}
		j.done[sampleKey{r.Task, r.Index}] = r
	}
}

// Has reports whether the sample is finished.
func (j *Journal) Has(task string, index int) bool {
	_, ok := j.done[sampleKey{task, index}]
	return ok
}

// Add writes a finished sample.
func (j *Journal) Add(r Record) error {
	if err := j.write(r); err != nil {
		return err
	}
	j.done[sampleKey{r.Task, r.Index}] = r
	return nil
}

func (j *Journal) write(v any) error {
	line, err := json.Marshal(v)
	if err == nil {
		_, err = j.file.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	return nil
}

// Records are the first n samples of each task that are finished, in the order of tasks and indices.
func (j *Journal) Records(tasks []string, n int) (all []Record) {
	for _, task := range tasks {
		for i := range n {
			if r, ok := j.done[sampleKey{task, i}]; ok {
				all = append(all, r)
			}
		}
	}
	return all
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }
