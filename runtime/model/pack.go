package model

import (
	"fmt"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/image"
)

// packer puts the rows of pictures' tiles together as their layouts say: see image.Layout.
type packer struct {
	ops     *backend.Checked
	newline backend.Tensor // [1, hidden]: closes every line of patches
	side    int            // patches along a tile
	space   workspace      // all tiles' rows
}

func loadPacker(l *loader, v visionSettings, hidden int) *packer {
	at := l.prefix("row between lines of patches", "image_newline", "model.", "")
	return &packer{ops: l.ops, newline: l.vector(at+"image_newline", hidden), side: v.image / v.patch,
		space: workspace{ops: l.ops, columns: working(hidden)}}
}

// accepts says why a picture's tiles do not fit its layout.
func (p *packer) accepts(px image.Pixels) error {
	l := px.Layout
	switch {
	case l == nil:
		return fmt.Errorf("the picture has no layout, this model needs one")
	case l.Side != p.side:
		return fmt.Errorf("the picture's layout has tiles of %d x %d patches, %d x %d wanted", l.Side, l.Side, p.side, p.side)
	case l.Tiles() != px.Tiles():
		return fmt.Errorf("the picture has %d tiles, its layout %d", px.Tiles(), l.Tiles())
	case l.Grid != image.Size{} && (l.Top < 0 || l.Left < 0 || l.Top+l.Crop.Height > l.Grid.Height*l.Side || l.Left+l.Crop.Width > l.Grid.Width*l.Side):
		return fmt.Errorf("the picture's layout %+v shows patches outside of its grid", *l)
	}
	return nil
}

// pack writes a picture's visual tokens. Row 0 of tiles is the newline, the rows of the base tile follow, then those of the
// grid's tiles from left to right, line by line.
func (p *packer) pack(dst, tiles backend.Tensor, l *image.Layout) {
	base := l.Side * l.Side
	p.ops.Gather(dst.Top(base), tiles, upwards(1, base))
	switch {
	case l.Grid == image.Size{}:
		p.ops.Gather(dst.Slice(base, base+1), tiles, []int32{0})
	case l.Scaled == l.Crop:
		if rows := croppedRows(l); len(rows) > 0 {
			p.ops.Gather(dst.Slice(base, dst.Rows), tiles, rows)
		}
	default:
		rows, shares := scaledRows(l)
		p.ops.Blend(dst.Slice(base, dst.Rows), tiles, rows, shares)
	}
}

func upwards(from, n int) []int32 {
	rows := make([]int32, n)
	for i := range rows {
		rows[i] = int32(from + i)
	}
	return rows
}

// patchRow is where the patch at a line and column of the grid lies.
func patchRow(l *image.Layout, y, x int) int32 {
	tile := 1 + y/l.Side*l.Grid.Width + x/l.Side
	return int32(1 + tile*l.Side*l.Side + y%l.Side*l.Side + x%l.Side)
}

// croppedRows are the patches that show the picture, each line with its newline.
func croppedRows(l *image.Layout) []int32 {
	var rows []int32
	for y := range l.Crop.Height {
		for x := range l.Crop.Width {
			rows = append(rows, patchRow(l, l.Top+y, l.Left+x))
		}
		rows = append(rows, 0)
	}
	return rows
}

// blendTaps is how many rows a scaled one is made of.
const blendTaps = 4

// scaledRows are, for each row of the smaller picture and for the newlines, the four patches around its place and their
// shares: bilinear, without widening, as the reference does it.
func scaledRows(l *image.Layout) (rows []int32, shares []float32) {
	lines, columns := betweens(l.Crop.Height, l.Scaled.Height), betweens(l.Crop.Width, l.Scaled.Width)
	for _, y := range lines {
		for _, x := range columns {
			top, bottom := l.Top+y.first, l.Top+y.second
			left, right := l.Left+x.first, l.Left+x.second
			rows = append(rows, patchRow(l, top, left), patchRow(l, top, right), patchRow(l, bottom, left), patchRow(l, bottom, right))
			shares = append(shares, (1-y.share)*(1-x.share), (1-y.share)*x.share, y.share*(1-x.share), y.share*x.share)
		}
		rows = append(rows, make([]int32, blendTaps)...)
		shares = append(shares, 1, 0, 0, 0)
	}
	return rows, shares
}

// between is a place between two neighbours: share is that of the second.
type between struct {
	first, second int
	share         float32
}

// betweens are the places in n values that m values are read from: the middles of m equal parts. The rounding to float32 is
// the reference's.
func betweens(n, m int) []between {
	scale := float32(n) / float32(m)
	list := make([]between, m)
	for i := range list {
		at := max(scale*(float32(i)+0.5)-0.5, 0)
		first := min(int(at), n-1)
		list[i] = between{first, min(first+1, n-1), at - float32(first)}
	}
	return list
}
