package backend

import "fmt"

func (c *Checked) Relevance(dst []float32, q Tensor, kv LayerKV, rows []int32, h Heads) {
	if c.ok(c.checkScore("relevance", q, kv, rows, h)) && c.ok(checkLength("relevance", len(dst), len(rows))) {
		c.to.Relevance(dst, q, kv, rows, h)
	}
}

func (c *Checked) Importance(dst []float32, q Tensor, kv LayerKV, w Window, h Heads) {
	lists := 1
	if w.ByHead {
		lists = h.KV
	}
	if c.ok(c.checkScore("importance", q, kv, w.Rows, h)) && c.ok(checkLength("importance", len(dst), lists*len(w.Visual))) &&
		c.ok(checkWindow(kv, w)) {
		c.to.Importance(dst, q, kv, w, h)
	}
}

func (c *Checked) Columns(dst []float32, q Tensor, kv LayerKV, rows Weighted, h Heads) {
	if c.ok(c.checkScore("columns", q, kv, rows.Rows, h)) && c.ok(checkLength("columns", len(dst), kv.Len)) &&
		c.ok(checkLength("columns of weights", len(rows.Weights), len(rows.Rows))) {
		c.to.Columns(dst, q, kv, rows, h)
	}
}

func (c *Checked) Density(dst []float32, q Tensor, kv LayerKV, rows []int32, bar float32, h Heads) {
	if c.ok(c.checkScore("density", q, kv, rows, h)) && c.ok(checkLength("density", len(dst), len(rows))) && c.ok(checkBar(bar)) {
		c.to.Density(dst, q, kv, rows, bar, h)
	}
}

func checkBar(bar float32) error {
	if !(bar > 0 && bar <= 1) {
		return fmt.Errorf("density: the bar is %g, over 0 and at most 1 wanted", bar)
	}
	return nil
}

func (c *Checked) ReadRows(keys, values []float32, kv LayerKV, rows []int32) {
	want := len(rows) * c.pool.Heads.KV * c.pool.Heads.Dim
	if c.ok(c.checkLayer("read rows", kv, 0)) && c.ok(checkRows("read rows", "row", rows, kv.Len)) &&
		c.ok(checkLength("read rows of keys", len(keys), want)) && c.ok(checkLength("read rows of values", len(values), want)) {
		c.to.ReadRows(keys, values, kv, rows)
	}
}

func (c *Checked) checkScore(op string, q Tensor, kv LayerKV, rows []int32, h Heads) error {
	if err := checkHeads(op, h); err != nil {
		return err
	}
	if len(rows) == 0 {
		return fmt.Errorf("%s: no query row was saved", op)
	}
	if err := checkShape(op, "q", q, len(rows), h.Query*h.Dim); err != nil {
		return err
	}
	if err := c.checkLayer(op, kv, 0); err != nil {
		return err
	}
	return checkAscending(op, "observed row", rows, kv.Len)
}

func checkWindow(kv LayerKV, w Window) error {
	if len(w.Elite) == 0 || len(w.Visual) == 0 {
		return fmt.Errorf("importance: %d elite rows and %d visual rows, at least 1 of each wanted", len(w.Elite), len(w.Visual))
	}
	if w.Counts != nil && len(w.Counts) != len(w.Elite) {
		return fmt.Errorf("importance: %d counts for %d elite rows", len(w.Counts), len(w.Elite))
	}
	last := -1
	for _, e := range w.Elite {
		if e <= last || e >= len(w.Rows) {
			return fmt.Errorf("importance: elite index %d does not rise above %d or is not below %d", e, last, len(w.Rows))
		}
		last = e
	}
	return checkAscending("importance", "visual row", w.Visual, kv.Len)
}

func checkLength(op string, got, want int) error {
	if got != want {
		return fmt.Errorf("%s: the result has %d values, %d wanted", op, got, want)
	}
	return nil
}
