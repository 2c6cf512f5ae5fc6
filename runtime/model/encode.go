package model

import (
	"fmt"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/image"
)

// picturesPerPass bounds the tower's activations.
const picturesPerPass = 4

// EncodeImages runs the vision tower and the projector. The rows of the pictures follow each other.
func (m *LLaVA) EncodeImages(px []image.Pixels) (Visual, error) {
	for i, p := range px {
		if err := m.tower.accepts(p); err != nil {
			return Visual{}, fmt.Errorf("encoding picture %d: %w", i, err)
		}
	}
	if len(px) == 0 {
		return Visual{}, nil
	}
	v := Visual{Tokens: len(px) * m.config.VisualTokens, free: m.ops.Free}
	var err error
	if v.rows, err = m.ops.Alloc(v.Tokens, m.config.Hidden, backend.Working); err != nil {
		return Visual{}, fmt.Errorf("encoding pictures: %w", err)
	}
	for from := 0; from < len(px); from += picturesPerPass {
		to := min(from+picturesPerPass, len(px))
		if err = m.encodePass(v.rows.Slice(from*m.config.VisualTokens, to*m.config.VisualTokens), px[from:to]); err != nil {
			break
		}
	}
	if syncErr := m.ops.Sync(); err == nil {
		err = syncErr
	}
	if err != nil {
		v.Release()
		return Visual{}, fmt.Errorf("encoding pictures: %w", err)
	}
	return v, nil
}

func (m *LLaVA) encodePass(dst backend.Tensor, px []image.Pixels) error {
	rows := len(px) * m.tower.patches()
	sum, take, err := m.projector.begin(rows)
	if err != nil {
		return err
	}
	if err := m.tower.run(px, m.projector.last, func(state int, x backend.Tensor) {
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
	m.ops.Gather(dst, all, withoutFirst(len(px), m.tower.patches()))
	err = m.ops.Sync()
	m.ops.Free(all)
	return err
}

// withoutFirst are the rows of all pictures but the first of each (strategy "default": a CLS token, where the tower has one).
func withoutFirst(pictures, patches int) []int32 {
	var rows []int32
	for r := range pictures * patches {
		if r%patches != 0 {
			rows = append(rows, int32(r))
		}
	}
	return rows
}
