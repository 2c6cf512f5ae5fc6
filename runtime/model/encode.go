package model

import (
	"errors"
	"fmt"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/image"
)

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
	v := Visual{free: m.ops.Free, grids: m.config.grids(px)}
	for _, p := range px {
		v.Tokens += m.config.Rows(p)
	}
	var err error
	if v.rows, err = m.ops.Alloc((1+m.depth)*v.Tokens, m.config.Hidden, backend.Working); err != nil {
		return Visual{}, fmt.Errorf("encoding pictures: %w", err)
	}
	if m.sight != nil {
		err = m.sight.encode(v.rows, px)
	} else {
		err = m.encodeSquares(v.rows, px)
	}
	if err = errors.Join(err, m.ops.Refused()); err != nil {
		v.Release()
		return Visual{}, fmt.Errorf("encoding pictures: %w", err)
	}
	return v, nil
}

// accepts says why a picture does not fit.
func (m *LLaVA) accepts(px image.Pixels) error {
	if m.sight != nil {
		return m.sight.accepts(px)
	}
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

// encodeSquares takes tiles of one size, in as few passes as there is room for.
func (m *LLaVA) encodeSquares(dst backend.Tensor, px []image.Pixels) error {
	passes, err := m.layVisionOut(tilesOf(px))
	if err != nil {
		return err
	}
	if m.packer != nil {
		return m.encodePacked(dst, px, passes)
	}
	return m.encodeTiles(dst, px, passes)
}

// encodePacked encodes all tiles and puts each picture's rows together.
func (m *LLaVA) encodePacked(dst backend.Tensor, px []image.Pixels, passes int) error {
	perTile := m.config.VisualTokens
	var space [1]backend.Tensor
	if err := m.packer.space.top(space[:], 1+tilesOf(px)*perTile); err != nil {
		return err
	}
	all := space[0]
	if err := m.encodeTiles(all.Slice(1, all.Rows), px, passes); err != nil {
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

func tilesOf(px []image.Pixels) (tiles int) {
	for _, p := range px {
		tiles += p.Tiles()
	}
	return tiles
}

// encodeTiles writes each tile's rows, in passes of about the same size.
func (m *LLaVA) encodeTiles(dst backend.Tensor, px []image.Pixels, passes int) error {
	patches, err := m.cutter.cut(px)
	if err != nil {
		return err
	}
	tiles := tilesOf(px)
	for pass := range passes {
		from, to := tiles*pass/passes, tiles*(pass+1)/passes
		if err := m.encodePass(dst.Slice(from*m.config.VisualTokens, to*m.config.VisualTokens), patches.Slice(from*m.tower.patches(), to*m.tower.patches())); err != nil {
			return err
		}
	}
	return nil
}

func (m *LLaVA) encodePass(dst, patches backend.Tensor) error {
	tiles := patches.Rows / m.tower.patches()
	rows := tiles * m.tower.rows()
	sum, take, err := m.projector.begin(rows)
	if err != nil {
		return err
	}
	if err := m.tower.run(patches, m.projector.last, func(state int, x backend.Tensor) {
		m.note("vision", state, x)
		take(state, x)
	}); err != nil {
		return err
	}
	if !m.projector.dropCLS {
		m.projector.finish(dst, sum)
		return nil
	}
	var all [1]backend.Tensor
	if err := m.projector.whole.top(all[:], rows); err != nil {
		return err
	}
	m.projector.finish(all[0], sum)
	m.ops.Gather(dst, all[0], withoutFirst(tiles, m.tower.rows()))
	return m.ops.Refused()
}

// withoutFirst are the rows of all tiles but the first of each (strategy "default": a CLS token, where the tower has one).
func withoutFirst(tiles, rowsOfTile int) []int32 {
	var rows []int32
	for r := range tiles * rowsOfTile {
		if r%rowsOfTile != 0 {
			rows = append(rows, int32(r))
		}
	}
	return rows
}
