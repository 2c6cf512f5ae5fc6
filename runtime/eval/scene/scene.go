package scene

import (
	"math/rand/v2"
	"slices"
)

// Size of a scene, in cells and in pixels.
const (
	grid       = 6
	cellSide   = 4 // patches
	patch      = 14
	side       = grid * cellSide // patches
	Pixels     = side * patch    // of a picture's side
	codeLength = 4
)

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// Kind of a scene.
type Kind string

// Cards are few boxes; a page is full of codes.
const (
	Cards Kind = "cards"
	Page  Kind = "page"
)

type (
	// Cell is a row and a column.
	Cell [2]int
	rgb  [3]int
	// layout of a box in its cell, in patches: its height, its first row, and the row of the code inside.
	layout [3]int
)

// Scene is everything that a picture shows.
type Scene struct {
	Kind     Kind
	Codes    map[Cell]string
	Colours  map[Cell]int // boxes only
	layout   layout
	margin   int
	font     int
	shift    [2]int // of the glyphs in their patches, in pixels: right, down
	paper    rgb
	darkText bool  // dark letters on light boxes
	tint     []rgb // of each colour in this scene
}

// Sample draws a scene; an empty kind takes either as often as the training does.
func Sample(r *rand.Rand, kind Kind) Scene {
	if kind == "" {
		kind = Page
		if r.Float64() < 0.65 {
			kind = Cards
		}
	}
	n := between(r, 5, 9)
	if kind == Cards {
		n = between(r, 8, 16)
	}
	w := words()
	s := Scene{Kind: kind, Codes: map[Cell]string{}, Colours: map[Cell]int{}, layout: pick(r, w.Layouts), margin: r.IntN(2),
		font: r.IntN(len(fonts())), shift: [2]int{between(r, -1, 1), between(r, -1, 1)}, paper: jitter(r, pick(r, w.Papers), 3),
		darkText: r.Float64() < 0.3}
	colours := boxColours(r, n, kind)
	places := r.Perm(grid * grid)[:len(colours)]
	for i, at := range places {
		s.Colours[Cell{at / grid, at % grid}] = colours[i]
	}
	for _, cell := range cells() {
		if _, coloured := s.Colours[cell]; coloured || kind == Page {
			s.Codes[cell] = code(r)
		}
	}
	for _, c := range w.Colours {
		s.tint = append(s.tint, jitter(r, c.RGB, 10))
	}
	return s
}

// boxColours has some colours once, so that they name one box, and others two to four times, so that lists are long.
func boxColours(r *rand.Rand, n int, kind Kind) []int {
	once := between(r, 2, 4)
	if kind == Cards {
		once = between(r, 3, 6)
	}
	order := r.Perm(len(words().Colours))
	colours, rest := slices.Clone(order[:once]), order[once:]
	for len(colours) < n && len(rest) > 0 {
		colours = append(colours, slices.Repeat(rest[:1], between(r, 2, 4))...)
		rest = rest[1:]
	}
	colours = colours[:min(n, len(colours))]
	r.Shuffle(len(colours), func(i, j int) { colours[i], colours[j] = colours[j], colours[i] })
	return colours
}

// cells in reading order.
func cells() []Cell {
	all := make([]Cell, 0, grid*grid)
	for row := range grid {
		for column := range grid {
			all = append(all, Cell{row, column})
		}
	}
	return all
}

func code(r *rand.Rand) string {
	b := make([]byte, codeLength)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

func jitter(r *rand.Rand, c rgb, by int) rgb {
	for i := range c {
		c[i] = min(255, max(0, c[i]+between(r, -by, by)))
	}
	return c
}

func between(r *rand.Rand, low, high int) int { return low + r.IntN(high-low+1) }

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }
