package compress

import (
	"slices"
	"testing"
)

const pic = int32(9)

func TestSurvey(t *testing.T) {
	for _, c := range []struct {
		name            string
		tokens          []int32
		visual, observe []int32
	}{
		{"text after the picture observes", []int32{1, 9, 9, 2, 3}, []int32{1, 2}, []int32{3, 4}},
		{"only text after the last of two pictures observes", []int32{1, 9, 2, 2, 2, 2, 9, 3}, []int32{1, 6}, []int32{7}},
		{"a picture at the end is observed by text behind the sinks", []int32{1, 2, 3, 4, 5, 6, 9}, []int32{6}, []int32{4, 5}},
		{"two pictures at the end leave out the first", []int32{1, 2, 3, 9, 5, 6, 9}, []int32{3, 6}, []int32{4, 5}},
		{"a picture at the end of a short prompt has no observer", []int32{1, 2, 3, 4, 9}, []int32{4}, nil},
		{"no picture, no observer", []int32{1, 2, 3}, nil, nil},
		{"nothing", nil, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Survey(c.tokens, pic)
			if !slices.Equal(p.Visual, c.visual) || !slices.Equal(p.Observe, c.observe) || p.Rows != len(c.tokens) {
				t.Errorf("got %+v", p)
			}
		})
	}
}

func TestSurveyTakesTheLastCandidates(t *testing.T) {
	p := Survey(append([]int32{9}, slices.Repeat([]int32{1}, 600)...), pic)
	if len(p.Observe) != MaxObserved || p.Observe[0] != 89 || p.Observe[MaxObserved-1] != 600 {
		t.Errorf("observe %d rows from %d", len(p.Observe), p.Observe[0])
	}
}

func TestKeptMergesTextAndPicture(t *testing.T) {
	p := Survey([]int32{1, 9, 9, 2, 9, 3}, pic)
	for _, c := range []struct{ visual, want []int32 }{
		{nil, []int32{0, 3, 5}},
		{[]int32{1}, []int32{0, 2, 3, 5}},
		{[]int32{0, 2}, []int32{0, 1, 3, 4, 5}},
		{[]int32{0, 1, 2}, []int32{0, 1, 2, 3, 4, 5}},
	} {
		if got := p.Kept(c.visual); !slices.Equal(got, c.want) {
			t.Errorf("keeping %v: rows %v, want %v", c.visual, got, c.want)
		}
	}
}
