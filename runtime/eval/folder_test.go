package eval

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func folderWith(t *testing.T, lines string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "charts")
	picture, err := os.ReadFile("../../models/aircache-tiny-samples/cards-1.png")
	if err == nil {
		err = os.MkdirAll(filepath.Join(dir, "pictures"), 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "pictures", "1.png"), picture, 0o644)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, QuestionsFile), []byte(lines), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAFolderIsATaskOfItsQuestions(t *testing.T) {
	f, err := OpenFolder(folderWith(t, `{"image": "pictures/1.png", "question": "How many?", "answers": ["10", "ten"]}

{"images": ["pictures/1.png", "pictures/1.png"], "question": "Which?", "answer": "both"}
`), Relaxed, "Answer shortly.")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.Tasks(), []string{"charts"}) || f.Len("charts") != 2 {
		t.Fatalf("tasks %v, %d questions", f.Tasks(), f.Len("charts"))
	}
	first, err := f.Item("charts", 0)
	if err != nil || len(first.Pictures) != 1 || first.Pictures[0].W != 336 || first.Question != "How many?\nAnswer shortly." {
		t.Errorf("first: %+v, %v", first, err)
	}
	if got := first.Metric.Score("10.4", first.Accepted); got != 1 {
		t.Errorf("10.4 for 10 scores %v", got)
	}
	second, err := f.Item("charts", 1)
	if err != nil || len(second.Pictures) != 2 || !slices.Equal(second.Accepted, []string{"both"}) {
		t.Errorf("second: %d pictures, %v, %v", len(second.Pictures), second.Accepted, err)
	}
	if _, err := f.Item("charts", 2); err == nil {
		t.Error("there is no third question")
	}
}

func TestAWrongLineIsNamed(t *testing.T) {
	good := `{"image": "pictures/1.png", "question": "How many?", "answers": ["10"]}` + "\n"
	for line, want := range map[string]string{
		`{"image": "pictures/1.png", "answers": ["10"]}`:                 "line 2: question is missing",
		`{"question": "How many?", "answers": ["10"]}`:                   "line 2: image is missing",
		`{"image": "pictures/1.png", "question": "How many?"}`:           "line 2: answers is missing",
		`{"image": "../1.png", "question": "How many?", "answer": "10"}`: "inside the folder",
		`{`: "line 2",
	} {
		if _, err := OpenFolder(folderWith(t, good+line+"\n"), Exact, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", line, err, want)
		}
	}
	if _, err := OpenFolder(folderWith(t, "\n"), Exact, ""); err == nil || !strings.Contains(err.Error(), "no question") {
		t.Errorf("an empty list: %v", err)
	}
}
