package model

import (
	"cmp"
	"slices"

	"aircache.dev/aircache/runtime/image"
)

// span is a run of rows that are windows of equal size.
type span struct{ from, to, windows int }

// arrangement is the order in which a picture's patches go through the tower: the merge x merge patches of a visual token one
// after the other, and the tokens of a window likewise. Windows of equal size stand together, so that one product serves
// all of them: the whole ones, those cut off on the right, below, and in the corner.
type arrangement struct {
	patches []int32 // of the picture, line by line: the one that each row shows
	spans   []span
	tokens  []int32 // row of each visual token, line by line, among the merged rows
}

// cut is a window: tokens from x, y on.
type cut struct{ x, y, width, height int }

// arrange orders the patches of a grid of visual tokens; window 0 is one window of all.
func arrange(grid image.Size, merge, window int) arrangement {
	a := arrangement{tokens: make([]int32, grid.Height*grid.Width)}
	row := int32(0)
	for _, c := range cuts(grid, window) {
		for y := c.y; y < c.y+c.height; y++ {
			for x := c.x; x < c.x+c.width; x++ {
				a.tokens[y*grid.Width+x] = row
				a.addPatches(x, y, grid.Width, merge)
				row++
			}
		}
		a.addWindow(c.width * c.height * merge * merge)
	}
	return a
}

// cuts are the windows of a grid, the larger ones first.
func cuts(grid image.Size, window int) (list []cut) {
	if window == 0 {
		window = max(grid.Height, grid.Width)
	}
	for y := 0; y < grid.Height; y += window {
		for x := 0; x < grid.Width; x += window {
			list = append(list, cut{x, y, min(window, grid.Width-x), min(window, grid.Height-y)})
		}
	}
	slices.SortStableFunc(list, func(a, b cut) int { return cmp.Compare(b.width*b.height, a.width*a.height) })
	return list
}

func (a *arrangement) addPatches(x, y, width, merge int) {
	for line := y * merge; line < (y+1)*merge; line++ {
		for column := x * merge; column < (x+1)*merge; column++ {
			a.patches = append(a.patches, int32(line*width*merge+column))
		}
	}
}

// addWindow counts the rows added last as one window.
func (a *arrangement) addWindow(rows int) {
	if last := len(a.spans) - 1; last >= 0 {
		if s := &a.spans[last]; (s.to-s.from)/s.windows == rows {
			s.to, s.windows = s.to+rows, s.windows+1
			return
		}
	}
	a.spans = append(a.spans, span{len(a.patches) - rows, len(a.patches), 1})
}
