package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"aircache.dev/aircache/runtime/image"
)

// vision measures pictures of some tiles, from prepared pixels in the host's memory to rows in the device's.
func (b *Bench) vision(ctx context.Context) error {
	for _, tiles := range b.Options.Tiles {
		px := b.tiles(b.chance(6), tiles)
		values, err := b.times(ctx, b.Options.Repeat, milliseconds, func() (time.Duration, error) {
			start := b.Options.Clock()
			v, err := b.Model.EncodeImages(px) // waits for the device
			took := b.Options.Clock().Sub(start)
			v.Release()
			return took, err
		})
		if err != nil {
			return fmt.Errorf("%d tiles: %w", tiles, err)
		}
		b.note(Case{What: "vision", Metric: "picture", Tiles: tiles}, values, b.counter.Vision(tiles), "")
	}
	return nil
}

// tiles are random pictures: one of so many tiles where the model has grids, else so many of one.
func (b *Bench) tiles(random *rand.Rand, tiles int) []image.Pixels {
	if len(b.config.Tower.Grids) > 0 {
		return []image.Pixels{b.gridPicture(random, tiles)}
	}
	var px []image.Pixels
	for range tiles {
		px = append(px, b.picture(random, 1))
	}
	return px
}

// gridPicture is laid out in one line of tiles, all patches shown.
func (b *Bench) gridPicture(random *rand.Rand, tiles int) image.Pixels {
	px := b.picture(random, tiles)
	side := b.config.Tower.Side / b.config.Tower.Patch
	px.Layout = &image.Layout{Side: side, Crop: image.Size{Height: side, Width: side}}
	if tiles > 1 {
		px.Layout.Grid = image.Size{Height: 1, Width: tiles - 1}
		px.Layout.Crop.Width = side * (tiles - 1)
	}
	px.Layout.Scaled = px.Layout.Crop
	return px
}

func (b *Bench) picture(random *rand.Rand, tiles int) image.Pixels {
	side := b.config.Tower.Side
	px := image.Pixels{C: 3, H: side, W: side, Data: make([]float32, 3*side*side*tiles)}
	for i := range px.Data {
		px.Data[i] = 2*random.Float32() - 1
	}
	return px
}

// pictureFor makes pictures of about so many visual tokens, and says how many they take.
func (b *Bench) pictureFor(random *rand.Rand, visual int) (px []image.Pixels, tokens int) {
	for tokens < visual {
		next := b.picture(random, 1)
		if len(b.config.Tower.Grids) > 0 {
			next = b.gridPicture(random, max(1, min(10, (visual-tokens)/b.config.VisualTokens)))
		}
		px, tokens = append(px, next), tokens+b.config.Rows(next)
	}
	return px, tokens
}
