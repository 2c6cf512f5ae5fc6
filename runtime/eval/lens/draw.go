package lens

import (
	"fmt"
	stdimage "image"
	"image/color"
	"image/draw"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"aircache.dev/aircache/runtime/image"
)

// Sizes in pixels.
const (
	panelSide  = 288 // about: a patch has whole pixels
	margin     = 12
	lineHeight = 20
	columns    = 4 // of layers
)

var (
	paper = color.RGBA{250, 250, 250, 255}
	ink   = color.RGBA{30, 30, 30, 255}
)

// Draw makes the sheet: on the left the picture and the sum over layers, on the right a panel a layer.
func Draw(v View) (*stdimage.RGBA, error) {
	if err := v.check(); err != nil {
		return nil, fmt.Errorf("drawing the lens: %w", err)
	}
	s, err := newSheet(v)
	if err != nil {
		return nil, fmt.Errorf("drawing the lens: %w", err)
	}
	for i, line := range v.Lines {
		s.write(margin, margin+(i+1)*lineHeight-6, line)
	}
	all := make([]float64, v.Grid*v.Grid)
	for i := range all {
		all[i] = 1
	}
	s.panel(0, 0, "the picture", all)
	sum, most := v.light(v.Layers...)
	s.panel(0, 1, fmt.Sprintf("summed: the brightest stay in %.3g of %d layers", most, len(v.Layers)), sum)
	for l, layer := range v.Layers {
		light, _ := v.light(layer)
		s.panel(1+l%columns, l/columns, v.caption(l), light)
	}
	return s.canvas, nil
}

type sheet struct {
	canvas  *stdimage.RGBA
	face    font.Face
	picture *image.RGB // as large as a panel
	patch   int        // pixels
	grid    int
	top     int // of the first row of panels
}

func newSheet(v View) (*sheet, error) {
	s := &sheet{patch: max(1, (panelSide+v.Grid/2)/v.Grid), grid: v.Grid, top: margin + len(v.Lines)*lineHeight}
	var err error
	if s.picture, err = image.Resize(v.Picture, s.side(), s.side(), image.Bicubic); err != nil {
		return nil, err
	}
	parsed, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, err
	}
	if s.face, err = opentype.NewFace(parsed, &opentype.FaceOptions{Size: 13, DPI: 72, Hinting: font.HintingFull}); err != nil {
		return nil, err
	}
	rows := max(2, (len(v.Layers)+columns-1)/columns)
	s.canvas = stdimage.NewRGBA(stdimage.Rect(0, 0, margin+(1+columns)*(s.side()+margin), s.top+rows*(s.side()+lineHeight+margin)))
	draw.Draw(s.canvas, s.canvas.Bounds(), stdimage.NewUniform(paper), stdimage.Point{}, draw.Src)
	return s, nil
}

func (s *sheet) side() int { return s.patch * s.grid }

func (s *sheet) write(x, y int, text string) {
	d := font.Drawer{Dst: s.canvas, Src: stdimage.NewUniform(ink), Face: s.face, Dot: fixed.P(x, y)}
	d.DrawString(text)
}

// panel draws the picture with each patch as bright as its light, from 0 to 1.
func (s *sheet) panel(column, row int, caption string, light []float64) {
	x0, y0 := margin+column*(s.side()+margin), s.top+row*(s.side()+lineHeight+margin)
	s.write(x0, y0+lineHeight-6, caption)
	y0 += lineHeight
	for y := range s.side() {
		for x := range s.side() {
			at := 3 * (y*s.picture.W + x)
			r, g, b := shade(s.picture.Pix[at], s.picture.Pix[at+1], s.picture.Pix[at+2], light[y/s.patch*s.grid+x/s.patch])
			s.canvas.SetRGBA(x0+x, y0+y, color.RGBA{r, g, b, 255})
		}
	}
}

// shade dims what nobody keeps to a fifth of its brightness, without colour; at full light it changes nothing.
func shade(r, g, b uint8, light float64) (uint8, uint8, uint8) {
	gray := 0.2 * (0.299*float64(r) + 0.587*float64(g) + 0.114*float64(b))
	mix := func(v uint8) uint8 { return uint8(light*float64(v) + (1-light)*gray + 0.5) }
	return mix(r), mix(g), mix(b)
}
