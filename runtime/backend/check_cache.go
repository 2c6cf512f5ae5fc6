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
	c.pages, c.heads = pages, h
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

func (c *Checked) Keep(src LayerKV, rows [][]int32, dst []int32) {
	if c.ok(c.checkKeep(src, rows, dst)) {
		c.to.Keep(src, rows, dst)
	}
}

func (c *Checked) checkKeep(src LayerKV, rows [][]int32, dst []int32) error {
	if err := c.checkLayer("keep", src, 0); err != nil {
		return err
	}
	if len(rows) != 1 && len(rows) != c.heads.KV {
		return fmt.Errorf("keep: %d lists of rows, 1 or one for each of %d KV heads wanted", len(rows), c.heads.KV)
	}
	for i, list := range rows {
		if len(list) != len(rows[0]) {
			return fmt.Errorf("keep: head %d keeps %d rows, head 0 %d", i, len(list), len(rows[0]))
		}
		if err := checkAscending("keep", "row", list, src.Len); err != nil {
			return err
		}
	}
	if n := len(rows[0]); len(dst) < Pages(n) {
		return fmt.Errorf("keep: %d rows need %d pages, %d given", n, Pages(n), len(dst))
	}
	return checkRows("keep", "page", dst, c.pages)
}
