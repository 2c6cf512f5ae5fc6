package scene

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"

	"aircache.dev/aircache/runtime/image"
)

// Task names a kind of sample.
type Task struct {
	Name     string
	About    string // in a sentence
	Kind     Kind   // empty: as often as in training
	Pictures int
	Forms    []Form
}

// Tasks in the order in which they are told. The first six are on cards, so that they differ in the question alone.
func Tasks() []Task {
	return []Task{
		{"colour", "read the code in the box of a colour", Cards, 1, []Form{Colour}},
		{"place", "read the code at a row and column", Cards, 1, []Form{Place}},
		{"neighbour", "read the code beside a box", Cards, 1, []Form{Neighbour}},
		{"list-colour", "list all codes of a colour (long answers)", Cards, 1, []Form{ListColour}},
		{"list-row", "list all codes of a row (long answers)", Cards, 1, []Form{ListRow}},
		{"count", "count the boxes of a colour or a row", Cards, 1, []Form{Count}},
		{"page", "any question about a page where most codes distract", Page, 1, forms},
		{"pair", "any question about one of two pictures", "", 2, forms},
	}
}

// TasksNamed picks tasks by name; "all" is every one.
func TasksNamed(names []string) ([]Task, error) {
	all := Tasks()
	if slices.Equal(names, []string{"all"}) {
		return all, nil
	}
	var picked []Task
	for _, name := range names {
		i := slices.IndexFunc(all, func(t Task) bool { return t.Name == name })
		if i < 0 {
			var known []string
			for _, t := range all {
				known = append(known, t.Name)
			}
			return nil, fmt.Errorf("task %q is unknown, it must be all or one of %s", name, strings.Join(known, ", "))
		}
		picked = append(picked, all[i])
	}
	return picked, nil
}

// Shot is one question with its pictures and its only right answer.
type Shot struct {
	Form     Form
	Pictures []*image.RGB
	Question string
	Answer   string
}

// Draw makes the task's sample of an index: the same for the same seed, whatever else is drawn.
func Draw(task Task, seed uint64, index int) (Shot, error) {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s/%d", task.Name, index)
	r := rand.New(rand.NewPCG(seed, h.Sum64()))
	for {
		scenes := make([]Scene, task.Pictures)
		for i := range scenes {
			scenes[i] = Sample(r, task.Kind)
		}
		shot, ok := ask(r, scenes, task.Forms)
		if !ok {
			continue
		}
		for i := range scenes {
			p, err := spoil(r, scenes[i].Render())
			if err != nil {
				return Shot{}, err
			}
			shot.Pictures = append(shot.Pictures, p)
		}
		return shot, nil
	}
}

// ask words one question, its form as often as in training; false where the scenes cannot answer the form.
func ask(r *rand.Rand, scenes []Scene, from []Form) (Shot, bool) {
	about, picture := r.IntN(len(scenes)), -1
	if len(scenes) > 1 {
		picture = about
	}
	form := weighted(r, from)
	facts := scenes[about].facts(form)
	if len(facts) == 0 {
		return Shot{}, false
	}
	f := pick(r, facts)
	return Shot{Form: form, Question: f.phrase(r, form, picture), Answer: f.answer}, true
}

func weighted(r *rand.Rand, from []Form) Form {
	total := 0
	for _, f := range from {
		total += words().Tasks[string(f)]
	}
	at := r.IntN(total)
	for _, f := range from {
		if at -= words().Tasks[string(f)]; at < 0 {
			return f
		}
	}
	return from[len(from)-1]
}
