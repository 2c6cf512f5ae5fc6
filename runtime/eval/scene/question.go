package scene

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Form is what a question asks for.
type Form string

// The forms of the training.
const (
	Colour     Form = "colour"      // the code in the only box of a colour
	Place      Form = "place"       // the code at a row and column
	Neighbour  Form = "neighbour"   // the code beside the only box of a colour
	ListColour Form = "list_colour" // all codes of a colour
	ListRow    Form = "list_row"    // all codes of a row
	Count      Form = "count"       // the boxes of a colour or a row
)

// Forms in the training's order; a map would make the choice depend on chance.
var forms = []Form{Colour, Place, Neighbour, ListColour, ListRow, Count}

// fact is a question without words: what it names (-1: nothing) and the answer.
type fact struct {
	colour, row, column, side int
	answer                    string
}

// facts are all questions of a form that the scene can answer, in a fixed order.
func (s *Scene) facts(form Form) []fact {
	var all []fact
	add := func(colour, row, column, side int, answer string) {
		all = append(all, fact{colour, row, column, side, answer})
	}
	switch form {
	case Colour:
		for colour, at := range s.single() {
			if at != nil {
				add(colour, -1, -1, -1, s.Codes[*at])
			}
		}
	case Place:
		for _, cell := range cells() {
			if text, ok := s.Codes[cell]; ok {
				add(-1, cell[0], cell[1], -1, text)
			}
		}
	case Neighbour:
		for colour, at := range s.single() {
			for i, side := range words().Sides {
				if at == nil {
					continue
				}
				if text, ok := s.Codes[Cell{at[0] + side.Step[0], at[1] + side.Step[1]}]; ok {
					add(colour, -1, -1, i, text)
				}
			}
		}
	case ListColour:
		for colour := range words().Colours {
			if codes := s.codesOf(colour); len(codes) >= 2 {
				add(colour, -1, -1, -1, strings.Join(codes, " "))
			}
		}
	case ListRow:
		for row := range grid {
			if codes := s.codesIn(row); len(codes) > 0 {
				add(-1, row, -1, -1, strings.Join(codes, " "))
			}
		}
	case Count:
		s.counts(add)
	}
	return all
}

// counts asks for a few absent colours too (the answer is 0), and for rows on cards only: a page's rows are full.
func (s *Scene) counts(add func(colour, row, column, side int, answer string)) {
	for colour, c := range words().Colours {
		if n := len(s.codesOf(colour)); n > 0 || colour%3 == 0 {
			add(colour, -1, -1, -1, countSentence(n, c.Name+" box", c.Name+" boxes"))
		}
	}
	for row := range grid {
		if s.Kind == Cards {
			in := fmt.Sprintf(" in row %d", row+1)
			add(-1, row, -1, -1, countSentence(len(s.codesIn(row)), "box"+in, "boxes"+in))
		}
	}
}

func countSentence(n int, one, many string) string {
	if n == 1 {
		return "There is 1 " + one + "."
	}
	return fmt.Sprintf("There are %d %s.", n, many)
}

// single is, by colour, the box of a colour that exactly one box has.
func (s *Scene) single() []*Cell {
	at := make([]*Cell, len(words().Colours))
	for colour := range at {
		if found := s.boxesOf(colour); len(found) == 1 {
			at[colour] = &found[0]
		}
	}
	return at
}

func (s *Scene) boxesOf(colour int) (found []Cell) {
	for _, cell := range cells() {
		if got, ok := s.Colours[cell]; ok && got == colour {
			found = append(found, cell)
		}
	}
	return found
}

func (s *Scene) codesOf(colour int) (codes []string) {
	for _, cell := range s.boxesOf(colour) {
		codes = append(codes, s.Codes[cell])
	}
	return codes
}

func (s *Scene) codesIn(row int) (codes []string) {
	for column := range grid {
		if text, ok := s.Codes[Cell{row, column}]; ok {
			codes = append(codes, text)
		}
	}
	return codes
}

// phrase puts a question into words; picture is the one asked about of several, -1 where there is one.
func (f fact) phrase(r *rand.Rand, form Form, picture int) string {
	w, phrasings := words(), string(form)
	if form == Count && f.row >= 0 {
		phrasings = "count_row"
	}
	var slots []string
	if f.colour >= 0 {
		slots = append(slots, "{c}", w.Colours[f.colour].Name)
	}
	if f.side >= 0 {
		slots = append(slots, "{rel}", pick(r, w.Sides[f.side].Relations))
	}
	if f.row >= 0 {
		slots = append(slots, "{r}", strconv.Itoa(f.row+1), "{ro}", w.Ordinals[f.row])
	}
	if f.column >= 0 {
		slots = append(slots, "{k}", strconv.Itoa(f.column+1), "{ko}", w.Ordinals[f.column])
	}
	text := strings.NewReplacer(slots...).Replace(pick(r, w.Questions[phrasings]))
	if picture >= 0 {
		text = strings.ReplaceAll(pick(r, w.WhichPicture), "{o}", w.Ordinals[picture]) + " " + text
	}
	if r.Float64() < 0.5 {
		text = pick(r, w.Prefixes) + " " + text
	}
	if r.Float64() < 0.4 {
		text += " " + pick(r, w.Suffixes)
	}
	return text
}
