package image

import (
	"fmt"
	"math"
	"strconv"
)

// Layout says how the rows that a tower gives for a picture's tiles become the picture's visual tokens, as
// LLaVA-OneVision puts them together. First come the rows of the base tile, the whole picture squeezed into one square.
// Then those of the grid, whose tiles show the picture at its own shape: without the rows that show padding only, scaled
// down where they are too many, line by line, each line closed by one learned row, the newline. A base tile without a
// grid is followed by one newline.
//
// The 7B model's tower gives 27 x 27 = 729 rows a tile. A picture of 1920 x 1080 pixels is laid out in a grid of 3 x 5
// tiles, or 81 x 135 patches, of which the middle 75 lines show it. 75 x 135 patches are more than 1.1² times the rows of
// 9 tiles, so they are scaled by 1.242 to 60 x 108: 729 + 60 * (108 + 1) = 7,269 tokens.
//
// Without a grid the crop is the part of the base tile that shows the picture; the rest, bars, stays and is padding.
type Layout struct {
	Side   int  // patches along each side of a tile
	Grid   Size // tiles; 0 x 0 without a grid
	Top    int  // first line of patches that shows the picture
	Left   int  // first column of patches that does
	Crop   Size // patches that show it
	Scaled Size // what they are scaled down to; equal to Crop where they are not
}

// Rows is the number of visual tokens.
func (l *Layout) Rows() int {
	base := l.Side * l.Side
	if l.Grid == (Size{}) {
		return base + 1
	}
	return base + l.Scaled.Height*(l.Scaled.Width+1)
}

// Tiles is the number of tiles, the base included.
func (l *Layout) Tiles() int { return 1 + l.Grid.Height*l.Grid.Width }

// Cells says for each row of the picture in which patch of the base tile its middle lies; -1: it shows nothing, as newlines do.
func (l *Layout) Cells() []int {
	var cells []int
	for patch := range l.Side * l.Side {
		cells = append(cells, patch)
	}
	if l.Grid == (Size{}) {
		return append(cells, -1)
	}
	for y := range l.Scaled.Height {
		line := (2*y + 1) * l.Side / (2 * l.Scaled.Height)
		for x := range l.Scaled.Width {
			cells = append(cells, line*l.Side+(2*x+1)*l.Side/(2*l.Scaled.Width))
		}
		cells = append(cells, -1)
	}
	return cells
}

// padding are the rows of bars.
func (l *Layout) padding() (rows []int) {
	if l.Grid != (Size{}) {
		return nil // the base tile has none, and those of the grid are left out
	}
	for y := range l.Side {
		for x := range l.Side {
			if y < l.Top || y >= l.Top+l.Crop.Height || x < l.Left || x >= l.Left+l.Crop.Width {
				rows = append(rows, y*l.Side+x)
			}
		}
	}
	return rows
}

// barred is the layout of a picture in the middle of one square tile, of which whole patches may show bars only.
func barred(picture Size, t Tower, side int) *Layout {
	l := &Layout{Side: side}
	l.Top, l.Crop.Height = shownPatches(picture.Height, max(picture.Height, picture.Width), t, side)
	l.Left, l.Crop.Width = shownPatches(picture.Width, max(picture.Height, picture.Width), t, side)
	return l
}

// shownPatches are those that n of all pixels, in their middle, fall into once they are resized to a tile.
func shownPatches(n, all int, t Tower, side int) (first, count int) {
	start := (all - n) / 2
	first = start * t.Side / (all * t.Patch)
	end := ((start+n)*t.Side + all*t.Patch - 1) / (all * t.Patch)
	return min(first, side-1), min(end, side) - min(first, side-1)
}

// newLayout lays a picture of some pixels out in a grid of tiles, and scales rows of more than maxTiles down; 0: none are.
func newLayout(picture, grid Size, side, maxTiles int) (*Layout, error) {
	l := &Layout{Side: side, Grid: grid, Crop: Size{grid.Height * side, grid.Width * side}}
	l.unpad(picture)
	l.Scaled = l.Crop
	if maxTiles == 0 {
		return l, nil
	}
	ratio := math.Sqrt(float64(l.Crop.Height*l.Crop.Width) / float64(maxTiles*side*side))
	if ratio > 1.1 {
		l.Scaled = Size{floorDivide(l.Crop.Height, ratio), floorDivide(l.Crop.Width, ratio)}
		if l.Scaled.Height < 1 || l.Scaled.Width < 1 {
			return nil, fmt.Errorf("the picture of %d x %d pixels is too narrow: nothing is left of it when it is scaled down", picture.Width, picture.Height)
		}
	}
	return l, nil
}

// unpad leaves the patches out that lie above and below the picture, or left and right of it. The arithmetic is the
// reference's, down to the rounding: a patch more or less would be another prompt.
func (l *Layout) unpad(picture Size) {
	h, w := float64(picture.Height), float64(picture.Width)
	allH, allW := float64(l.Crop.Height), float64(l.Crop.Width)
	if w/h > allW/allH {
		l.Top = (l.Crop.Height - roundDown(h*(allW/w))) / 2
		l.Crop.Height -= 2 * l.Top
	} else {
		l.Left = (l.Crop.Width - roundDown(w*(allH/h))) / 2
		l.Crop.Width -= 2 * l.Left
	}
}

// roundDown takes the digits after the seventh away, to the nearest, and then the rest after the point.
func roundDown(v float64) int {
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'f', 7, 64), 64) // what FormatFloat writes always parses
	return int(rounded)
}

// floorDivide is Python's // of floats, which divides what is left after the remainder: exact where a/b rounds up.
func floorDivide(a int, b float64) int {
	quotient := (float64(a) - math.Mod(float64(a), b)) / b
	whole := math.Floor(quotient)
	if quotient-whole > 0.5 {
		whole++
	}
	return int(whole)
}

// bestGrid chooses the size in pixels that shows most of the picture and, of equals, wastes least; the first of those.
func bestGrid(picture Size, grids []Size) Size {
	var best Size
	most, least := 0, math.MaxInt
	for _, g := range grids {
		scale := min(float64(g.Width)/float64(picture.Width), float64(g.Height)/float64(picture.Height))
		shown := int(float64(picture.Width)*scale) * int(float64(picture.Height)*scale)
		shown = min(shown, picture.Width*picture.Height)
		wasted := g.Width*g.Height - shown
		if shown > most || shown == most && wasted < least {
			best, most, least = g, shown, wasted
		}
	}
	return best
}

// fit is the largest size of the picture's shape inside of the grid.
func fit(picture, grid Size) Size {
	byWidth := float64(grid.Width) / float64(picture.Width)
	byHeight := float64(grid.Height) / float64(picture.Height)
	if byWidth < byHeight {
		return Size{min(int(math.Ceil(float64(picture.Height)*byWidth)), grid.Height), grid.Width}
	}
	return Size{grid.Height, min(int(math.Ceil(float64(picture.Width)*byHeight)), grid.Width)}
}
