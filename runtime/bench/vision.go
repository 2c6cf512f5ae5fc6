package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/image/raster"
)

// vision measures pictures of some tiles, from decoded pixels in the host's memory to rows in the device's: resizing, patches, tower,
// projector.
func (b *Bench) vision(ctx context.Context) error {
	for _, tiles := range b.Options.Tiles {
		px := b.tiles(b.chance(6), tiles)
		values, err := b.times(ctx, b.Options.Repeat, milliseconds, func() (time.Duration, error) {
			start := b.Options.Clock()
			v, err := b.Model.EncodeImages(px)
			if err := errors.Join(err, b.Device.Sync()); err != nil {
				return 0, err
			}
			took := b.Options.Clock().Sub(start)
			v.Release()
			return took, nil
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
		px = append(px, b.picture(random))
	}
	return px
}

// gridPicture is laid out in lines of tiles, all patches shown, beside its base tile.
func (b *Bench) gridPicture(random *rand.Rand, tiles int) image.Pixels {
	grid := image.Size{}
	if tiles > 1 {
		grid = squarest(tiles - 1)
	}
	px := b.decoded(random, image.Size{Height: max(1, grid.Height), Width: max(1, grid.Width)}, grid)
	side := b.config.Tower.Side / b.config.Tower.Patch
	crop := image.Size{Height: side * grid.Height, Width: side * grid.Width}
	if tiles == 1 {
		crop = image.Size{Height: side, Width: side}
	}
	px.Layout = &image.Layout{Side: side, Grid: grid, Crop: crop, Scaled: crop}
	return px
}

// squarest are n tiles in lines of the same length.
func squarest(n int) image.Size {
	lines := 1
	for h := 2; h*h <= n; h++ {
		if n%h == 0 {
			lines = h
		}
	}
	return image.Size{Height: lines, Width: n / lines}
}

// picture is shown in one tile.
func (b *Bench) picture(random *rand.Rand) image.Pixels {
	return b.decoded(random, image.Size{Height: 1, Width: 1}, image.Size{})
}

// decoded is noise of 5/4 of the pixels along each side that so many tiles show, squeezed into one tile and shown in a grid.
func (b *Bench) decoded(random *rand.Rand, shown, grid image.Size) image.Pixels {
	side := b.config.Tower.Side
	rgb := raster.New(5*side*shown.Width/4, 5*side*shown.Height/4)
	for i := range rgb.Pix {
		rgb.Pix[i] = uint8(random.Uint32())
	}
	frames := []raster.Frame{b.resized(rgb, side, side)}
	if grid != (image.Size{}) {
		frames = append(frames, b.resized(rgb, side*grid.Width, side*grid.Height))
	}
	tile := raster.Size{Height: side, Width: side}
	return image.Pixels{C: 3, H: side, W: side, Picture: &raster.Picture{RGB: rgb, Frames: frames, Tile: tile, Levels: &levels}}
}

// levels are those of a mean and a deviation of one half.
var levels = func() (l raster.Levels) {
	for channel := range l {
		for v := range l[channel] {
			l[channel][v] = float32(v)/127.5 - 1
		}
	}
	return l
}()

func (b *Bench) resized(rgb *raster.RGB, width, height int) raster.Frame {
	to := raster.Size{Height: height, Width: width}
	f, err := raster.NewFrame(raster.Whole(rgb.Size()), to, raster.Bicubic, raster.Whole(to))
	if err != nil {
		panic(err) // sizes are those of a tower's tiles
	}
	return f
}

// pictureFor makes pictures of about so many visual tokens, and says how many they take.
func (b *Bench) pictureFor(random *rand.Rand, visual int) (px []image.Pixels, tokens int) {
	for tokens < visual {
		next := b.picture(random)
		if len(b.config.Tower.Grids) > 0 {
			next = b.gridPicture(random, max(1, min(10, (visual-tokens)/b.config.VisualTokens)))
		}
		px, tokens = append(px, next), tokens+b.config.Rows(next)
	}
	return px, tokens
}
