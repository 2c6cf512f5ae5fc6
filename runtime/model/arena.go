package model

import "aircache.dev/aircache/runtime/backend"

// arena is memory of the backend's own precision that several workspaces lie in: side by side, or one over the other where their
// graphs never run between each other.
type arena struct {
	ops    *backend.Checked
	memory backend.Tensor // one row; none before it is reserved
}

// reserve makes room for so many values. What the arena held is gone where it grows.
func (a *arena) reserve(values int) error {
	if values <= a.memory.Cols {
		return nil
	}
	a.ops.Free(a.memory)
	a.memory = backend.Tensor{}
	var err error
	a.memory, err = a.ops.Alloc(1, values, backend.Working)
	return err
}

// arenaStep keeps matrices where any device can read several values at once.
const arenaStep = 128

func arenaValues(rows, cols int) int { return (rows*cols + arenaStep - 1) / arenaStep * arenaStep }

// matrix is the view of a place in the arena.
func (a *arena) matrix(at, rows, cols int) backend.Tensor {
	t := a.memory.Flat(at, rows*cols)
	t.Rows, t.Cols = rows, cols
	return t
}
