package model

import "aircache.dev/aircache/runtime/backend"

// workspace is the memory of a graph's activations. It grows to the longest step seen and is then reused.
type workspace struct {
	ops     *backend.Checked
	rows    int
	columns []column
	tensors []backend.Tensor

	arena *arena // where the activations lie, all Working; nil: each in memory of its own
	at    int    // first value of the arena
}

// column is one activation's width.
type column struct {
	width     int
	precision backend.Precision
}

// working are activations of the backend's own precision.
func working(widths ...int) (columns []column) {
	for _, w := range widths {
		columns = append(columns, column{w, backend.Working})
	}
	return columns
}

// top gives the first rows of every activation.
func (w *workspace) top(into []backend.Tensor, rows int) error {
	if err := w.reserve(rows); err != nil {
		return err
	}
	if w.arena != nil {
		at := w.at
		for i, c := range w.columns {
			into[i] = w.arena.matrix(at, rows, c.width)
			at += arenaValues(rows, c.width)
		}
		return nil
	}
	for i, t := range w.tensors {
		into[i] = t.Top(rows)
	}
	return nil
}

// end is the first value of the arena behind so many rows.
func (w *workspace) end(rows int) int {
	at := w.at
	for _, c := range w.columns {
		at += arenaValues(rows, c.width)
	}
	return at
}

// reserve makes room for a number of rows. What the activations held is gone where they grow.
func (w *workspace) reserve(rows int) error {
	if w.arena != nil {
		return w.arena.reserve(w.end(rows))
	}
	if rows <= w.rows {
		return nil
	}
	for _, t := range w.tensors {
		w.ops.Free(t)
	}
	w.tensors, w.rows = w.tensors[:0], 0
	for _, c := range w.columns {
		t, err := w.ops.Alloc(rows, c.width, c.precision)
		if err != nil {
			return err
		}
		w.tensors = append(w.tensors, t)
	}
	w.rows = rows
	return nil
}
