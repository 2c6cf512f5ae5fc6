package model

import (
	"errors"
	"fmt"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/image"
)

// Join puts the rows of several pictures together, in order; what they were lies in other memory, and can be released. It does
// not wait.
func (m *LLaVA) Join(parts []Visual) (Visual, error) {
	v := Visual{free: m.ops.Free}
	for _, p := range parts {
		v.Tokens, v.grids = v.Tokens+p.Tokens, append(v.grids, p.grids...)
	}
	if v.Tokens == 0 {
		return Visual{}, nil
	}
	var err error
	if v.rows, err = m.ops.Alloc((1+m.depth)*v.Tokens, m.config.Hidden, backend.Working); err != nil {
		return Visual{}, fmt.Errorf("joining %d pictures: %w", len(parts), err)
	}
	for level := range 1 + m.depth {
		to := level * v.Tokens
		for _, p := range parts {
			m.ops.Gather(v.rows.Slice(to, to+p.Tokens), p.rows, upwards(level*p.Tokens, p.Tokens))
			to += p.Tokens
		}
	}
	if err = m.ops.Refused(); err != nil {
		v.Release()
		return Visual{}, fmt.Errorf("joining %d pictures: %w", len(parts), err)
	}
	return v, nil
}

// ReadVisual brings a picture's rows to the host: [(1 + rows added behind layers) * Tokens, Hidden]. It waits for the device.
func (m *LLaVA) ReadVisual(v Visual) ([]float32, error) {
	values := make([]float32, v.rows.Rows*v.rows.Cols)
	m.ops.Read(values, v.rows)
	if err := m.ops.Sync(); err != nil {
		return nil, fmt.Errorf("reading %d visual tokens: %w", v.Tokens, err)
	}
	return values, nil
}

// WriteVisual is a picture whose rows were read once.
func (m *LLaVA) WriteVisual(px image.Pixels, values []float32) (Visual, error) {
	v := Visual{Tokens: m.config.Rows(px), free: m.ops.Free, grids: m.config.grids([]image.Pixels{px})}
	if want := (1 + m.depth) * v.Tokens * m.config.Hidden; len(values) != want {
		return Visual{}, fmt.Errorf("writing %d visual tokens: %d values, %d wanted", v.Tokens, len(values), want)
	}
	var err error
	if v.rows, err = m.ops.Alloc((1+m.depth)*v.Tokens, m.config.Hidden, backend.Working); err != nil {
		return Visual{}, fmt.Errorf("writing %d visual tokens: %w", v.Tokens, err)
	}
	m.ops.Write(v.rows, values)
	if err = errors.Join(err, m.ops.Refused()); err != nil {
		v.Release()
		return Visual{}, fmt.Errorf("writing %d visual tokens: %w", v.Tokens, err)
	}
	return v, nil
}
