package scene

import (
	"math"

	"aircache.dev/aircache/runtime/image"
)

// Render draws the clean picture.
func (s *Scene) Render() *image.RGB {
	p := &image.RGB{W: Pixels, H: Pixels, Pix: make([]uint8, 3*Pixels*Pixels)}
	for i := range p.Pix {
		p.Pix[i] = uint8(s.paper[i%3])
	}
	for cell, text := range s.Codes {
		s.drawCell(p, cell, text)
	}
	return p
}

func (s *Scene) drawCell(p *image.RGB, cell Cell, text string) {
	box, margin, ink := s.style(cell)
	height, top, line := s.layout[0]*patch, s.layout[1]*patch, s.layout[2]*patch
	x0, y0 := cell[1]*cellSide*patch, cell[0]*cellSide*patch+top
	for y := range height {
		for x := range cellSide * patch {
			under := s.paper
			if x >= margin && x < cellSide*patch-margin && y >= margin && y < height-margin {
				under = box
			}
			stroke := uint8(0)
			if y/patch == line/patch {
				stroke = s.inkAt(text[x/patch], x%patch, y%patch)
			}
			at := 3 * ((y0+y)*Pixels + x0 + x)
			for channel := range 3 {
				p.Pix[at+channel] = blend(under[channel], ink, stroke)
			}
		}
	}
}

// style is the cell's colour, its margin and its ink. A cell of a page without a colour is a shade darker than the paper.
func (s *Scene) style(cell Cell) (box rgb, margin, ink int) {
	colour, coloured := s.Colours[cell]
	if coloured {
		box, margin = s.tint[colour], s.margin
	} else {
		box, margin = rgb{s.paper[0] - 12, s.paper[1] - 12, s.paper[2] - 12}, 1
	}
	light := 299*box[0]+587*box[1]+114*box[2] > 125*1000
	if light && (!coloured || s.darkText) {
		return box, margin, 20
	}
	return box, margin, 250
}

// blend rounds as the training does: single precision, each step rounded (never fused), halves to even.
func blend(under, ink int, stroke uint8) uint8 {
	cover := float32(stroke) / 255
	step := float32(float32(ink-under) * cover)
	return uint8(math.RoundToEven(float64(float32(under) + step)))
}
