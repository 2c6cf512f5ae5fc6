package backend

import "fmt"

func (c *Checked) Reserve(pages int, h Heads) error {
	if err := checkHeads("reserving pages", h); err != nil {
		return err
	}
	if pages < 1 {
		return fmt.Errorf("reserving pages: %d pages, at least 1 wanted", pages)
	}
	if err := c.to.Reserve(pages, h); err != nil {
		return err
	}
	c.pages = pages
	return nil
}

// PageBytes is the memory of one page.
func (c *Checked) PageBytes(h Heads) int { return c.to.PageBytes(h) }

func (c *Checked) Append(qkv Tensor, layer int, batch []Sequence, h Heads) {
	if c.ok(c.checkBatch("append", qkv, layer, batch, h)) {
		c.to.Append(qkv, layer, batch, h)
	}
}

func (c *Checked) Attend(dst, qkv Tensor, layer int, batch []Sequence, h Heads) {
	if c.ok(checkAttention("attend", dst, qkv, h)) && c.ok(c.checkBatch("attend", qkv, layer, batch, h)) {
		c.to.Attend(dst, qkv, layer, batch, h)
	}
}

// checkBatch wants a page for every cached and new row of a layer, and as many new rows as qkv has.
func (c *Checked) checkBatch(op string, qkv Tensor, layer int, batch []Sequence, h Heads) error {
	if err := checkHeads(op, h); err != nil {
		return err
	}
	rows := 0
	for i := range batch {
		s := &batch[i]
		if s.Rows < 1 || layer < 0 || layer >= len(s.KV.Layers) {
			return fmt.Errorf("%s: sequence %d has %d rows and %d layers, layer %d wanted", op, i, s.Rows, len(s.KV.Layers), layer)
		}
		if err := c.checkLayer(op, s.KV.Layers[layer], s.Rows); err != nil {
			return fmt.Errorf("%w (sequence %d, layer %d)", err, i, layer)
		}
		rows += s.Rows
	}
	return checkShape(op, "qkv", qkv, rows, h.Width())
}

func (c *Checked) checkLayer(op string, kv LayerKV, extra int) error {
	want := Pages(kv.Len + extra)
	if kv.Len < 0 || len(kv.Pages) < want {
		return fmt.Errorf("%s: %d cached and %d new rows need %d pages, %d given", op, kv.Len, extra, want, len(kv.Pages))
	}
	return checkRows(op, "page", kv.Pages[:want], c.pages)
}

func (c *Checked) Keep(src LayerKV, rows, dst []int32) {
	if c.ok(c.checkKeep(src, rows, dst)) {
		c.to.Keep(src, rows, dst)
	}
}

func (c *Checked) checkKeep(src LayerKV, rows, dst []int32) error {
	if err := c.checkLayer("keep", src, 0); err != nil {
		return err
	}
	if err := checkAscending("keep", "row", rows, src.Len); err != nil {
		return err
	}
	if len(dst) < Pages(len(rows)) {
		return fmt.Errorf("keep: %d rows need %d pages, %d given", len(rows), Pages(len(rows)), len(dst))
	}
	return checkRows("keep", "page", dst, c.pages)
}

func (c *Checked) Relevance(dst []float32, q Tensor, kv LayerKV, rows []int32, h Heads) {
	if c.ok(c.checkScore("relevance", q, kv, rows, h)) && c.ok(checkLength("relevance", len(dst), len(rows))) {
		c.to.Relevance(dst, q, kv, rows, h)
	}
}

func (c *Checked) Importance(dst []float32, q Tensor, kv LayerKV, w Window, h Heads) {
	if c.ok(c.checkScore("importance", q, kv, w.Rows, h)) && c.ok(checkLength("importance", len(dst), len(w.Visual))) &&
		c.ok(checkWindow(kv, w)) {
		c.to.Importance(dst, q, kv, w, h)
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
