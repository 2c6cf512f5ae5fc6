package model

import "aircache.dev/aircache/runtime/backend"

// workspace is the memory of a graph's activations. It grows to the longest step seen and is then reused.
type workspace struct {
	ops     *backend.Checked
	rows    int
	columns []int
	tensors []backend.Tensor
}

// top gives the first rows of every activation.
func (w *workspace) top(into []backend.Tensor, rows int) error {
	if rows > w.rows {
		if err := w.grow(rows); err != nil {
			return err
		}
	}
	for i, t := range w.tensors {
		into[i] = t.Top(rows)
	}
	return nil
}

func (w *workspace) grow(rows int) error {
	for _, t := range w.tensors {
		w.ops.Free(t)
	}
	w.tensors, w.rows = w.tensors[:0], 0
	for _, cols := range w.columns {
		t, err := w.ops.Alloc(rows, cols)
		if err != nil {
			return err
		}
		w.tensors = append(w.tensors, t)
	}
	w.rows = rows
	return nil
}
