package eval

import (
	"fmt"
	"slices"

	"aircache.dev/aircache/runtime/eval/scene"
	"aircache.dev/aircache/runtime/image"
)

// Item is one question with its pictures.
type Item struct {
	Task     string
	Index    int
	Pictures []*image.RGB
	Question string
	Accepted []string // an answer is scored against each
	Metric   Metric
}

// Only is the answer where there is just one and it must be given to the letter: then tokens can be counted too.
func (it Item) Only() (string, bool) {
	if it.Metric == Exact && len(it.Accepted) == 1 {
		return it.Accepted[0], true
	}
	return "", false
}

// Source gives questions. Item is a pure function of its arguments and may be called from many goroutines.
type Source interface {
	Tasks() []string
	Len(task string) int // 0: endless
	Item(task string, index int) (Item, error)
}

// Scenes are questions about pictures drawn for the purpose.
type Scenes struct {
	tasks []scene.Task
	seed  uint64
}

// NewScenes picks tasks by name, or "all".
func NewScenes(names []string, seed uint64) (*Scenes, error) {
	tasks, err := scene.TasksNamed(names)
	return &Scenes{tasks, seed}, err
}

// Tasks in the order asked for.
func (s *Scenes) Tasks() (names []string) {
	for _, t := range s.tasks {
		names = append(names, t.Name)
	}
	return names
}

// Len is 0: there is always another scene.
func (s *Scenes) Len(string) int { return 0 }

// Item draws a scene and asks about it.
func (s *Scenes) Item(task string, index int) (Item, error) {
	i := slices.IndexFunc(s.tasks, func(t scene.Task) bool { return t.Name == task })
	if i < 0 {
		return Item{}, fmt.Errorf("drawing a scene: task %q is not among %v", task, s.Tasks())
	}
	shot, err := scene.Draw(s.tasks[i], s.seed, index)
	if err != nil {
		return Item{}, fmt.Errorf("drawing a scene of %s: %w", task, err)
	}
	return Item{Task: task, Index: index, Pictures: shot.Pictures, Question: shot.Question, Accepted: []string{shot.Answer}, Metric: Exact}, nil
}
