package model

import (
	"errors"
	"fmt"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/image"
)

// tilesPerPass bounds the tower's activations.
const tilesPerPass = 4

// EncodeImages runs the vision tower and the projector. The rows of the pictures follow each other. It does not wait for a device
// that works beside the host, for decode steps may be on their way: errors of the device come with the next Take.
func (m *LLaVA) EncodeImages(px []image.Pixels) (Visual, error) {
	for i, p := range px {
		if err := m.accepts(p); err != nil {
			return Visual{}, fmt.Errorf("encoding picture %d: %w", i, err)
		}
	}
	if len(px) == 0 {
		return Visual{}, nil
	}
	v := Visual{free: m.ops.Free}
	for _, p := range px {
		v.Tokens += m.config.Rows(p)
	}
	var err error
	if v.rows, err = m.ops.Alloc(v.Tokens, m.config.Hidden, backend.Working); err != nil {
		return Visual{}, fmt.Errorf("encoding pictures: %w", err)
	}
	if m.packer != nil {
		err = m.encodePacked(v.rows, px)
	} else {
		err = m.encodeTiles(v.rows, tilesOf(px))
	}
	if err = errors.Join(err, m.ops.Refused()); err != nil {
		v.Release()
		return Visual{}, fmt.Errorf("encoding pictures: %w", err)
	}
	return v, nil
}

// accepts says why a picture does not fit.
func (m *LLaVA) accepts(px image.Pixels) error {
	if err := m.tower.accepts(px); err != nil {
		return err
	}
	if m.packer != nil {
		return m.packer.accepts(px)
	}
	if px.Tiles() != 1 || px.Layout != nil {
		return fmt.Errorf("the picture has %d tiles, 1 without a layout wanted", px.Tiles())
	}
	return nil
}

// encodePacked encodes all tiles and puts each picture's rows together.
func (m *LLaVA) encodePacked(dst backend.Tensor, px []image.Pixels) error {
	tiles := tilesOf(px)
	perTile := m.config.VisualTokens
	all, err := m.ops.Alloc(1+len(tiles)*perTile, m.config.Hidden, backend.Working)
	if err != nil {
		return err
	}
	defer m.ops.Free(all)
	if err := m.encodeTiles(all.Slice(1, all.Rows), tiles); err != nil {
		return err
	}
	to, from := 0, 0
	for _, p := range px {
		rows, read := p.Layout.Rows(), p.Tiles()*perTile
		// The newline takes the place of the row above the picture's own, which is done with.
		m.ops.Gather(all.Slice(from, from+1), m.packer.newline, []int32{0})
		m.packer.pack(dst.Slice(to, to+rows), all.Slice(from, from+1+read), p.Layout)
		to, from = to+rows, from+read
	}
	return m.ops.Refused()
}

// tile is one of a picture's.
type tile struct {
	of    image.Pixels
	index int
}

func tilesOf(px []image.Pixels) (tiles []tile) {
	for _, p := range px {
		for i := range p.Tiles() {
			tiles = append(tiles, tile{p, i})
		}
	}
	return tiles
}

// encodeTiles writes each tile's rows, a few tiles at a time; only those are normalised at a time.
func (m *LLaVA) encodeTiles(dst backend.Tensor, tiles []tile) error {
	for from := 0; from < len(tiles); from += tilesPerPass {
		to := min(from+tilesPerPass, len(tiles))
		var pass []image.Pixels
		for _, t := range tiles[from:to] {
			pass = append(pass, t.of.Tile(t.index))
		}
		if err := m.encodePass(dst.Slice(from*m.config.VisualTokens, to*m.config.VisualTokens), pass); err != nil {
			return err
		}
	}
	return nil
}

func (m *LLaVA) encodePass(dst backend.Tensor, tiles []image.Pixels) error {
	rows := len(tiles) * m.tower.patches()
	sum, take, err := m.projector.begin(rows)
	if err != nil {
		return err
	}
	if err := m.tower.run(tiles, m.projector.last, func(state int, x backend.Tensor) {
		m.note("vision", state, x)
		take(state, x)
	}); err != nil {
		return err
	}
	if !m.projector.dropCLS {
		m.projector.finish(dst, sum)
		return nil
	}
	all, err := m.ops.Alloc(rows, m.config.Hidden, backend.Working)
	if err != nil {
		return err
	}
	m.projector.finish(all, sum)
	m.ops.Gather(dst, all, withoutFirst(len(tiles), m.tower.patches()))
	err = m.ops.Refused()
	m.ops.Free(all)
	return err
}

// withoutFirst are the rows of all tiles but the first of each (strategy "default": a CLS token, where the tower has one).
func withoutFirst(tiles, patches int) []int32 {
	var rows []int32
	for r := range tiles * patches {
		if r%patches != 0 {
			rows = append(rows, int32(r))
		}
	}
	return rows
}
