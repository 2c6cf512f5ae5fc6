package engine_test

import (
	"slices"
	"testing"
	"time"

	"aircache.dev/aircache/runtime/engine"
	"aircache.dev/aircache/runtime/image"
)

// BenchmarkFirstToken is the time from a question's submission to the first token of its answer, one question at a time: of a picture that
// was never seen, and of one that was asked about before, with the caches off, with the vision tower's rows alone (the blocks had to
// go), and with the prompt's block.
func BenchmarkFirstToken(b *testing.B) {
	p, cases := processor(b), someQuestions(b)
	first := cases[0].request(b, p)
	again := first
	again.Tokens = cases[1].Tokens
	for _, c := range []struct {
		name  string
		cache engine.PrefixCache
		fresh bool
	}{
		{"new picture", engine.PrefixCache{On: true, VisionBytes: 64 << 20}, true},
		{"known picture, caches off", engine.PrefixCache{}, false},
		{"known picture, its rows", engine.PrefixCache{On: true, VisionBytes: 64 << 20}, false},
		{"known picture, its block", engine.PrefixCache{On: true}, false},
	} {
		b.Run(c.name, func(b *testing.B) {
			e := startWith(b, airCache, 100, 64<<20, engine.Discard{}, func(o *engine.Options) { o.PrefixCache = c.cache })
			listen(b, ask(b, e, first))
			var times []time.Duration
			shade := uint8(0)
			for b.Loop() {
				r := again
				switch {
				case c.fresh:
					shade++
					r.Images = []image.Pixels{repainted(r.Images[0], shade)}
				case c.cache.VisionBytes > 0: // another tenant's blocks are not shared, and neither are its pictures: so text before the picture differs
					shade++
					r.Tokens = slices.Clone(r.Tokens)
					r.Tokens[1] = int32(40 + shade%200)
				}
				start := time.Now()
				h := ask(b, e, r)
				for event := range h.Events() {
					if event.Finish == "" {
						times = append(times, time.Since(start))
						break
					}
				}
				for range h.Events() { // to its end, so that nothing runs beside the next one
				}
			}
			slices.Sort(times)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(1e3*times[len(times)/2].Seconds(), "ms-to-first-token")
			b.ReportMetric(1e3*times[len(times)/10].Seconds(), "tenth-ms")
			b.ReportMetric(1e3*times[len(times)*9/10].Seconds(), "nine-tenths-ms")
		})
	}
}

// repainted is the picture with another first pixel.
func repainted(px image.Pixels, shade uint8) image.Pixels {
	picture, rgb := *px.Picture, *px.Picture.RGB
	rgb.Pix = slices.Clone(rgb.Pix)
	rgb.Pix[0] = shade
	picture.RGB = &rgb
	px.Picture = &picture
	return px
}
