package image

import "aircache.dev/aircache/runtime/image/raster"

// Processor says how decoded pictures become pixels. How may depend on the number of pictures in the prompt.
type Processor interface {
	// Measure is the number of visual tokens that a picture of a size takes.
	Measure(picture Size, pictures int) (int, error)
	// Process resizes nothing yet: it works out what is to be done, by a device or by Pixels.Cut. The pixels keep the picture.
	Process(p *RGB, pictures int) (Pixels, error)
}

// Filter is a way of resizing, numbered as Pillow numbers them (preprocessor_config.json's "resample").
type Filter = raster.Filter

// The filters of Pillow's resize.
const (
	Nearest  = raster.Nearest
	Lanczos  = raster.Lanczos
	Bilinear = raster.Bilinear
	Bicubic  = raster.Bicubic
	Box      = raster.Box
	Hamming  = raster.Hamming
)

// Resize answers the picture at another size, bit by bit what Pillow's resize answers.
func Resize(p *RGB, width, height int, f Filter) (*RGB, error) {
	return raster.Resize(p, width, height, f)
}
