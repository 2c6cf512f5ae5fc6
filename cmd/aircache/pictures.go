package main

import (
	"context"

	"golang.org/x/sync/semaphore"

	"aircache.dev/aircache/runtime/image"
)

// pictures decodes within the limits and preprocesses as the model's folder says.
// All cores decode at once, but together no more pixels than one picture may have:
// a decoder takes up to 18 bytes a pixel, and 16 large pictures would be gigabytes.
type pictures struct {
	processor image.Processor
	prepares  func(image.Pixels) bool // whether the device resizes such a picture
	limits    image.Limits
	pixels    *semaphore.Weighted
}

// newPictures takes 0 as the decoder's own limit.
func newPictures(processor image.Processor, prepares func(image.Pixels) bool, maxPixels int64) pictures {
	if maxPixels == 0 {
		maxPixels = image.DefaultLimits.Pixels
	}
	return pictures{processor, prepares, image.Limits{Pixels: maxPixels}, semaphore.NewWeighted(maxPixels)}
}

// waitingBytes is what the decoded pictures of a request may take while it waits for the device to resize them: the photo of a
// phone, 12 megapixels. Those of a prompt share it equally. Larger ones are resized here, and wait as tiles of at most 16 MB.
const waitingBytes = 48 << 20

// Measure reads the header only.
func (p pictures) Measure(source image.Source, pictures int) (int, error) {
	encoded, info, err := p.open(source)
	if err != nil {
		return 0, err
	}
	return p.processor.Measure(image.UprightSize(encoded, info), pictures)
}

func (p pictures) open(source image.Source) (encoded []byte, info image.Info, err error) {
	if encoded, err = source.Bytes(p.limits); err == nil {
		info, err = image.DecodeConfig(encoded, p.limits)
	}
	return encoded, info, err
}

// Prepare decodes, and resizes what the device does not.
func (p pictures) Prepare(source image.Source, pictures int) (image.Pixels, error) {
	encoded, info, err := p.open(source)
	if err != nil {
		return image.Pixels{}, err
	}
	size := int64(info.Width) * int64(info.Height)
	_ = p.pixels.Acquire(context.Background(), size) // no context, no error; what it waits for are decoders, which end
	defer p.pixels.Release(size)
	rgb, err := image.Decode(encoded, p.limits)
	if err != nil {
		return image.Pixels{}, err
	}
	pixels, err := p.processor.Process(rgb, pictures)
	if err == nil && (pixels.Bytes()*int64(pictures) > waitingBytes || !p.prepares(pixels)) {
		pixels = pixels.Cut()
	}
	return pixels, err
}
