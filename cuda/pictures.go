package cuda

import (
	"unsafe"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/image/raster"
)

var _ backend.Pictures = (*Backend)(nil)

// Limits of a picture that the library takes: AIRCACHE_PICTURE_BYTES of pixels and lists, AIRCACHE_PICTURE_ROOM with what lies
// between its two directions, and the rows of one launch.
const (
	mostPictureBytes = 64 << 20
	pictureRoom      = 96 << 20
	mostPictureRows  = 65535
)

// Prepares reports whether a picture fits. One of 16 megapixels, and what 12 megapixels are half resized, do.
func (b *Backend) Prepares(p *raster.Picture, _ int) bool {
	bytes, half := int64(len(p.Pix))+3*256*4, int64(0)
	for i := range p.Frames {
		f := &p.Frames[i]
		size := f.Under.Size
		if size.Height > mostPictureRows || f.Resized().Height > mostPictureRows {
			return false
		}
		for _, t := range []*raster.Taps{&f.Across, &f.Down} {
			bytes += 4 * int64(len(t.First)+len(t.Start)+len(t.Shares))
		}
		switch {
		case f.Across.Len() == 0 || f.Down.Len() == 0:
			continue
		case f.DownFirst:
			size.Height = f.Down.Len()
		default:
			size.Width = f.Across.Len()
		}
		half = max(half, 3*int64(size.Width)*int64(size.Height))
	}
	gaps := 256 * int64(3+2*len(p.Frames)) // between the lists, in the library
	return bytes+gaps <= mostPictureBytes && bytes+gaps+half <= pictureRoom
}

// Patches sends the picture as it was decoded, and queues the kernels that do the rest.
func (b *Backend) Patches(dst backend.Tensor, p *raster.Picture, patch int) {
	frames := make([]frame, len(p.Frames))
	for i := range p.Frames {
		f := &p.Frames[i]
		frames[i] = frame{under: groundOf(f.Under), on: groundOf(f.On), across: tapsOf(&f.Across), down: tapsOf(&f.Down), downFirst: flag(f.DownFirst)}
	}
	b.call.patches = patchesParams{size: size(&b.call.patches), frames: int32(len(frames)), context: b.context, dst: b.matrix(dst),
		pixels: pointer(p.Pix), levels: unsafe.Pointer(p.Levels), frame: pointer(frames), width: int32(p.W), height: int32(p.H),
		tileWidth: int32(p.Tile.Width), tileHeight: int32(p.Tile.Height), patch: int32(patch)}
	b.run(b.library.patches, unsafe.Pointer(&b.call.patches))
	b.call.patches = patchesParams{}
}

func groundOf(g raster.Ground) ground {
	return ground{int32(g.Width), int32(g.Height), int32(g.Left), int32(g.Top), [4]uint8{g.Colour[0], g.Colour[1], g.Colour[2]}}
}

func tapsOf(t *raster.Taps) taps {
	return taps{first: pointer(t.First), start: pointer(t.Start), share: pointer(t.Shares), count: int32(t.Len())}
}
