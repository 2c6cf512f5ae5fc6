package compress

import (
	"errors"
	"math"
	"slices"
	"testing"
)

func TestWindow(t *testing.T) {
	with := func(edit func(*Options)) Options {
		o := Paper()
		edit(&o)
		return o
	}
	for _, c := range []struct {
		name      string
		relevance []float32
		options   Options
		want      []int
	}{
		{"the example of the comment", []float32{.05, .50, .46, .44}, Paper(), []int{1, 2}},
		{"one row dominates", []float32{.9, .05, .05}, Defaults(), []int{0}},
		{"all are equal", []float32{.25, .25, .25, .25}, Defaults(), []int{0, 1, 2, 3}},
		{"equal rows over the limit: the later ones", []float32{.25, .25, .25, .25}, with(func(o *Options) { o.EliteMax = 2 }), []int{2, 3}},
		{"better rows before later ones", []float32{.26, .25, .25, .24}, with(func(o *Options) { o.EliteMax = 2 }), []int{0, 2}},
		{"at least eliteMin", []float32{.9, .02, .05, .03}, with(func(o *Options) { o.EliteMin = 3 }), []int{0, 2, 3}},
		{"alpha 0 takes all", []float32{1, 0, 0}, with(func(o *Options) { o.Alpha = 0 }), []int{0, 1, 2}},
		{"alpha 1 takes the best and its equals", []float32{.3, .4, .4}, with(func(o *Options) { o.Alpha = 1 }), []int{1, 2}},
		{"no candidates, no window", nil, Defaults(), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := Window(c.relevance, c.options); err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %v, %v; want %v", got, err, c.want)
			}
		})
	}
}

func TestScoresThatAreNoAttention(t *testing.T) {
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), -1e-9} {
		if _, err := Window([]float32{.5, bad}, Defaults()); !errors.Is(err, ErrScores) {
			t.Errorf("window of %v: %v", bad, err)
		}
		if _, err := Rank([]float32{bad, .5}); !errors.Is(err, ErrScores) {
			t.Errorf("ranking of %v: %v", bad, err)
		}
	}
}

func TestOptionsAreCheckedByName(t *testing.T) {
	if err := Defaults().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*Options){
		"alpha over 1":          func(o *Options) { o.Alpha = 1.1 },
		"alpha NaN":             func(o *Options) { o.Alpha = math.NaN() },
		"no elite row":          func(o *Options) { o.EliteMin = 0 },
		"max under min":         func(o *Options) { o.EliteMin, o.EliteMax = 5, 4 },
		"a window over the 512": func(o *Options) { o.EliteMax = 513 },
		"an unknown budget":     func(o *Options) { o.LayerBudget = "Cube" },
		"an unknown window":     func(o *Options) { o.Window = "" },
		"an unknown grain":      func(o *Options) { o.Granularity = "Token" },
	} {
		o := Paper()
		edit(&o)
		if o.Validate() == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
