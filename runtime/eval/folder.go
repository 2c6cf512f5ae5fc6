package eval

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"aircache.dev/aircache/runtime/image"
)

// QuestionsFile is the name of a folder's list of questions: one JSON object a line,
//
//	{"image": "charts/12.png", "question": "What was the share in 2019?", "answers": ["42%"]}
//
// with "images" in place of "image" where a question is about several, and paths relative to the folder.
const QuestionsFile = "questions.jsonl"

// Folder is a set of pictures and questions from elsewhere, such as ChartQA, DocVQA, InfoVQA or TextVQA. It is one task, named
// after the folder.
type Folder struct {
	dir, name, suffix string
	metric            Metric
	lines             []folderLine
	digest            string // of the list
}

type folderLine struct {
	Image    string   `json:"image"`
	Images   []string `json:"images"`
	Question string   `json:"question"`
	Answers  []string `json:"answers"`
	Answer   string   `json:"answer"`
}

// OpenFolder reads the questions; the suffix is added to each, as in "Answer with a single word or phrase.".
func OpenFolder(dir string, metric Metric, suffix string) (*Folder, error) {
	content, err := os.ReadFile(filepath.Join(dir, QuestionsFile))
	if err != nil {
		return nil, fmt.Errorf("reading the questions: %w", err)
	}
	whole, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the questions: %w", err)
	}
	f := &Folder{dir: dir, name: filepath.Base(whole), suffix: suffix, metric: metric,
		digest: fmt.Sprintf("%x", sha256.Sum256(content))[:12]}
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		line, err := parseFolderLine(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("reading %s, line %d: %w", QuestionsFile, n, err)
		}
		f.lines = append(f.lines, line)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", QuestionsFile, err)
	}
	if len(f.lines) == 0 {
		return nil, fmt.Errorf("reading %s: it holds no question", QuestionsFile)
	}
	return f, nil
}

func parseFolderLine(raw []byte) (line folderLine, err error) {
	if err := json.Unmarshal(raw, &line); err != nil {
		return line, err
	}
	if line.Image != "" {
		line.Images = append([]string{line.Image}, line.Images...)
	}
	if line.Answer != "" {
		line.Answers = append([]string{line.Answer}, line.Answers...)
	}
	switch {
	case len(line.Images) == 0:
		return line, errors.New("image is missing")
	case line.Question == "":
		return line, errors.New("question is missing")
	case len(line.Answers) == 0:
		return line, errors.New("answers is missing")
	}
	for _, name := range line.Images {
		if !fs.ValidPath(name) {
			return line, fmt.Errorf("image is %q, it must be a path inside the folder", name)
		}
	}
	return line, nil
}

// Tasks is the folder's name.
func (f *Folder) Tasks() []string { return []string{f.name} }

// Fingerprint tells one list of questions from another.
func (f *Folder) Fingerprint() string { return f.digest }

// Len is the number of questions.
func (f *Folder) Len(string) int { return len(f.lines) }

// Item reads the pictures of a line.
func (f *Folder) Item(task string, index int) (Item, error) {
	if task != f.name || index < 0 || index >= len(f.lines) {
		return Item{}, fmt.Errorf("reading question %d of %s: %s has %d", index, task, f.name, len(f.lines))
	}
	line := f.lines[index]
	it := Item{Task: task, Index: index, Question: line.Question, Accepted: line.Answers, Metric: f.metric}
	if f.suffix != "" {
		it.Question += "\n" + f.suffix
	}
	for _, name := range line.Images {
		encoded, err := os.ReadFile(filepath.Join(f.dir, filepath.FromSlash(name)))
		if err != nil {
			return Item{}, fmt.Errorf("reading question %d of %s: %w", index, task, err)
		}
		p, err := image.Decode(encoded, image.Limits{})
		if err != nil {
			return Item{}, fmt.Errorf("reading %s of question %d of %s: %w", name, index, task, err)
		}
		it.Pictures = append(it.Pictures, p)
	}
	return it, nil
}
