package scene

import (
	"bytes"
	"fmt"
	stdimage "image"
	"image/jpeg"
	"math"
	"math/rand/v2"

	"aircache.dev/aircache/runtime/image"
)

// spoil makes a picture look as if it came from a camera or a file, as often as the training does: a third stays clean, the
// rest gets noise of up to 10 levels, and the last two fifths are JPEG files of quality 60 to 98.
func spoil(r *rand.Rand, p *image.RGB) (*image.RGB, error) {
	fate := r.Float64()
	if fate < 1.0/3 {
		return p, nil
	}
	sigma := 10 * r.Float64()
	for i, v := range p.Pix {
		p.Pix[i] = uint8(min(255, max(0, math.RoundToEven(float64(v)+sigma*r.NormFloat64()))))
	}
	if fate <= 0.6 {
		return p, nil
	}
	return throughJPEG(p, 60+r.IntN(39))
}

func throughJPEG(p *image.RGB, quality int) (*image.RGB, error) {
	canvas := stdimage.NewRGBA(stdimage.Rect(0, 0, p.W, p.H))
	for i := range p.W * p.H {
		copy(canvas.Pix[4*i:], p.Pix[3*i:3*i+3])
		canvas.Pix[4*i+3] = 255
	}
	var file bytes.Buffer
	if err := jpeg.Encode(&file, canvas, &jpeg.Options{Quality: quality}); err != nil {
		return nil, fmt.Errorf("encoding a scene: %w", err)
	}
	return image.Decode(file.Bytes(), image.Limits{})
}
