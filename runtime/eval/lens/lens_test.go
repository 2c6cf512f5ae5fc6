package lens

import (
	"image/color"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/image"
)

func plainPicture(r, g, b uint8) *image.RGB {
	p := &image.RGB{W: 40, H: 40, Pix: make([]uint8, 3*40*40)}
	for i := range 40 * 40 {
		p.Pix[3*i], p.Pix[3*i+1], p.Pix[3*i+2] = r, g, b
	}
	return p
}

func TestKeptPatchesAreBrightAndEvictedOnesDim(t *testing.T) {
	v := View{Picture: plainPicture(200, 100, 50), Grid: 4, Lines: []string{"a question"}, Layers: []Layer{{Kept: []int32{0, 5}, Recall: -1}, {Kept: []int32{5}, Recall: .5}}}
	sheet, err := Draw(v)
	if err != nil {
		t.Fatal(err)
	}
	const side, patch = 288, 72
	at := func(column, row, index int) color.RGBA {
		x := margin + column*(side+margin) + index%4*patch + patch/2
		y := margin + lineHeight + row*(side+lineHeight+margin) + lineHeight + index/4*patch + patch/2
		return sheet.RGBAAt(x, y)
	}
	bright, dim := color.RGBA{200, 100, 50, 255}, color.RGBA{25, 25, 25, 255} // .2*(.299*200+.587*100+.114*50) = 24.8
	for _, c := range []struct {
		what               string
		column, row, index int
		want               color.RGBA
	}{
		{"the picture", 0, 0, 15, bright}, {"layer 0, kept", 1, 0, 0, bright}, {"layer 0, evicted", 1, 0, 1, dim},
		{"layer 1, kept", 2, 0, 5, bright}, {"layer 1, evicted", 2, 0, 0, dim},
		{"sum, kept by both", 0, 1, 5, bright}, {"sum, kept by none", 0, 1, 15, dim}, {"sum, kept by one", 0, 1, 0, color.RGBA{112, 62, 37, 255}},
	} {
		if got := at(c.column, c.row, c.index); got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

func TestCaptionsTellWindowBudgetAndRecall(t *testing.T) {
	v := View{Grid: 4, Layers: []Layer{{Kept: []int32{1, 2}, Elite: 3, Recall: .825}, {Recall: -1}}}
	if got := v.caption(0); got != "layer 0: budget 2 of 16, |E| 3, recall 0.82" && got != "layer 0: budget 2 of 16, |E| 3, recall 0.83" {
		t.Errorf("%q", got)
	}
	if got := v.caption(1); got != "layer 1: budget 0 of 16" {
		t.Errorf("%q", got)
	}
}

func TestAPatchOutsideThePictureIsRefused(t *testing.T) {
	_, err := Draw(View{Picture: plainPicture(1, 2, 3), Grid: 4, Layers: []Layer{{}, {Kept: []int32{16}}}})
	if err == nil || !strings.Contains(err.Error(), "layer 1 keeps row 16 of 16") {
		t.Errorf("got %v", err)
	}
	_, err = Draw(View{Picture: plainPicture(1, 2, 3), Grid: 4, Cells: []int{0, 16}})
	if err == nil || !strings.Contains(err.Error(), "row 1 shows patch 16 of 16") {
		t.Errorf("got %v", err)
	}
}

func TestAPatchIsAsBrightAsItsRowsAreKept(t *testing.T) {
	// Patch 0 is shown by rows 0, 4 and 5, patch 3 by row 3 and 6; row 7 shows nothing.
	v := View{Grid: 2, Cells: []int{0, 1, 2, 3, 0, 0, 3, -1}}
	light, most := v.light(Layer{Kept: []int32{0, 4, 7}}, Layer{Kept: []int32{0, 3, 4, 5, 6}})
	if want := 5. / 3; most != want || light[0] != 1 || light[1] != 0 || light[3] != 1/want {
		t.Errorf("light %v, most %g", light, most)
	}
}
