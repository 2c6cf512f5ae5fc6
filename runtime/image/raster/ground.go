package raster

// Ground is what a picture is put on: so many pixels of one colour. The picture's first pixel comes to Left, Top, which may be
// negative; what lies outside is cut off.
type Ground struct {
	Size
	Left, Top int
	Colour    [3]uint8
}

// Whole is the ground that a picture covers.
func Whole(s Size) Ground { return Ground{Size: s} }

// Middle puts a picture in the middle of a ground, or cuts its middle out. Of an odd rest, the smaller half is above and on the left.
func Middle(picture, ground Size, colour [3]uint8) Ground {
	return Ground{Size: ground, Left: (ground.Width - picture.Width) / 2, Top: (ground.Height - picture.Height) / 2, Colour: colour}
}

// rows gives lines of pixels by their number. A line is good until the next one is asked for.
type rows func(y int) []uint8

// under is a picture on the ground.
func (g Ground) under(picture Size, row rows) rows {
	if g.Size == picture && g.Left == 0 && g.Top == 0 {
		return row
	}
	blank := make([]uint8, 3*g.Width)
	for i := range blank {
		blank[i] = g.Colour[i%3]
	}
	line := append([]uint8(nil), blank...)
	from, to := max(g.Left, 0), min(g.Left+picture.Width, g.Width)
	return func(y int) []uint8 {
		if y -= g.Top; y < 0 || y >= picture.Height || from >= to {
			return blank
		}
		copy(line[3*from:3*to], row(y)[3*(from-g.Left):])
		return line
	}
}
