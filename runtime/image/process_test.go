package image

import (
	"fmt"
	"testing"
)

// What a picture costs the host before the device sees it: 1920 x 1080 pixels in the 16 tiles of LLaVA-OneVision-7B.
func BenchmarkProcess(b *testing.B) {
	p, err := ParseProcessor([]byte(`{"image_processor_type":"LlavaOnevisionImageProcessor"}`), sevenB)
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []Size{{1080, 1920}, {1440, 1440}} {
		rgb := newRGB(size.Width, size.Height)
		for i := range rgb.Pix {
			rgb.Pix[i] = uint8(i * 31)
		}
		for name, then := range map[string]func(Pixels) Pixels{"as decoded": func(px Pixels) Pixels { return px }, "resized": Pixels.Cut} {
			b.Run(fmt.Sprintf("%dx%d %s", size.Width, size.Height, name), func(b *testing.B) {
				for b.Loop() {
					px, err := p.Process(rgb, 1)
					if err != nil || then(px).Tiles() < 10 {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
