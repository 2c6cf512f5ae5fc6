package image

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"

	"aircache.dev/aircache/runtime/image/raster"
)

// Digest names what a vision tower sees: pictures of one digest give the same rows. It covers the values, or the decoded picture
// and all that is to be done to it, and the layout.
func (p Pixels) Digest() (d [sha256.Size]byte) {
	w := digester{sha256.New()}
	w.ints(p.C, p.H, p.W, len(p.Data))
	w.floats(p.Data)
	if p.Picture != nil {
		w.picture(p.Picture)
	}
	if l := p.Layout; l != nil {
		w.ints(1, l.Side, l.Grid.Height, l.Grid.Width, l.Top, l.Left, l.Crop.Height, l.Crop.Width, l.Scaled.Height, l.Scaled.Width)
	}
	return [sha256.Size]byte(w.Sum(nil))
}

// digester writes values of fixed size, so that no two lists of them are written alike.
type digester struct{ hash.Hash }

func (w digester) ints(values ...int) {
	for _, v := range values {
		_, _ = w.Write(binary.LittleEndian.AppendUint64(nil, uint64(v))) // a hash takes everything
	}
}

func (w digester) int32s(values []int32) {
	w.ints(len(values))
	buffer := make([]byte, 0, 4*len(values))
	for _, v := range values {
		buffer = binary.LittleEndian.AppendUint32(buffer, uint32(v))
	}
	_, _ = w.Write(buffer)
}

func (w digester) floats(values []float32) {
	const at = 4096
	buffer := make([]byte, 0, 4*at)
	for len(values) > 0 {
		n := min(at, len(values))
		buffer = buffer[:0]
		for _, v := range values[:n] {
			buffer = binary.LittleEndian.AppendUint32(buffer, math.Float32bits(v))
		}
		_, _ = w.Write(buffer)
		values = values[n:]
	}
}

func (w digester) picture(p *raster.Picture) {
	w.ints(p.W, p.H, len(p.Pix), p.Tile.Height, p.Tile.Width, len(p.Frames))
	_, _ = w.Write(p.Pix)
	for i := range p.Frames {
		f := &p.Frames[i]
		w.ground(f.Under)
		w.ground(f.On)
		w.taps(&f.Across)
		w.taps(&f.Down)
		if f.DownFirst {
			w.ints(1)
		}
	}
	if p.Levels == nil {
		return
	}
	for _, channel := range p.Levels {
		w.floats(channel[:])
	}
}

func (w digester) ground(g raster.Ground) {
	w.ints(g.Height, g.Width, g.Left, g.Top, int(g.Colour[0]), int(g.Colour[1]), int(g.Colour[2]))
}

func (w digester) taps(t *raster.Taps) {
	w.int32s(t.First)
	w.int32s(t.Start)
	w.int32s(t.Shares)
}
