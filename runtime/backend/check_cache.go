package backend

import "fmt"

func (c *Checked) Reserve(p Pool) error {
	if err := checkHeads("reserving pages", p.Heads); err != nil {
		return err
	}
	if p.Pages < 1 || p.Layers < 1 || p.Sequences < 1 || p.Rows < 1 {
		return fmt.Errorf("reserving pages: %d pages, %d layers, %d sequences of %d rows, at least 1 of each wanted", p.Pages, p.Layers, p.Sequences, p.Rows)
	}
	if err := c.to.Reserve(p); err != nil {
		return err
	}
	c.pool = p
	return nil
}

// PageBytes is the memory of one page.
func (c *Checked) PageBytes(h Heads) int { return c.to.PageBytes(h) }

func (c *Checked) Append(qkv, angles Tensor, layer int, b Batch, h Heads) {
	if c.ok(c.checkBatch("append", qkv, layer, b, h)) && c.ok(checkTurn("append", qkv, angles, h)) {
		c.to.Append(qkv, angles, layer, b, h)
	}
}

func checkTurn(op string, qkv, angles Tensor, h Heads) error {
	if h.Dim%2 != 0 {
		return fmt.Errorf("%s: head dim %d is odd", op, h.Dim)
	}
	if err := checkShape(op, "the angles", angles, qkv.Rows, h.Dim); err != nil {
		return err
	}
	return checkExact(op, "the angles", angles)
}

func (c *Checked) Attend(dst, sums, qkv Tensor, layer int, b Batch, h Heads) {
	if c.ok(checkAttention("attend", dst, qkv, h)) && c.ok(c.checkBatch("attend", qkv, layer, b, h)) && c.ok(checkSums("attend", sums, qkv.Rows, h)) {
		c.to.Attend(dst, sums, qkv, layer, b, h)
	}
}

// checkSums wants none, or logarithms of all rows.
func checkSums(op string, sums Tensor, rows int, h Heads) error {
	if sums.None() {
		return nil
	}
	if err := checkShape(op, "the sums", sums, rows, h.Query); err != nil {
		return err
	}
	return checkExact(op, "the sums", sums)
}

// checkBatch wants a page for every cached and new row of a layer, and as many new rows as qkv has.
func (c *Checked) checkBatch(op string, qkv Tensor, layer int, b Batch, h Heads) error {
	if err := checkHeads(op, h); err != nil {
		return err
	}
	if err := c.checkStaged(op, b); err != nil {
		return err
	}
	for i := range c.step {
		s := &c.step[i]
		if len(s.KV.Layers) == 0 {
			continue
		}
		if layer < 0 || layer >= len(s.KV.Layers) {
			return fmt.Errorf("%s: sequence %d has %d layers, layer %d wanted", op, i, len(s.KV.Layers), layer)
		}
		if err := c.checkLayer(op, s.KV.Layers[layer], s.Rows); err != nil {
			return fmt.Errorf("%w (sequence %d, layer %d)", err, i, layer)
		}
	}
	return checkShape(op, "qkv", qkv, c.rows, h.Width())
}

func (c *Checked) checkLayer(op string, kv LayerKV, extra int) error {
	want := Pages(kv.Len + extra)
	if kv.Len < 0 || len(kv.Pages) < want {
		return fmt.Errorf("%s: %d cached and %d new rows need %d pages, %d given", op, kv.Len, extra, want, len(kv.Pages))
	}
	return checkRows(op, "page", kv.Pages[:want], c.pool.Pages)
}

func (c *Checked) Keep(src LayerKV, rows [][]int32, dst []int32) {
	if c.ok(c.checkKeep(src, rows, dst)) {
		c.to.Keep(src, rows, dst)
	}
}

func (c *Checked) ReadPages(dst []byte, pages []int32) {
	if c.ok(c.checkPages("read pages", len(dst), pages)) {
		c.to.ReadPages(dst, pages)
	}
}

func (c *Checked) WritePages(pages []int32, src []byte) {
	if c.ok(c.checkPages("write pages", len(src), pages)) {
		c.to.WritePages(pages, src)
	}
}

func (c *Checked) checkPages(op string, bytes int, pages []int32) error {
	if c.pool.Pages == 0 {
		return fmt.Errorf("%s: no pool was reserved", op)
	}
	if want := len(pages) * c.to.PageBytes(c.pool.Heads); bytes != want {
		return fmt.Errorf("%s: %d bytes for %d pages, %d wanted", op, bytes, len(pages), want)
	}
	return checkRows(op, "page", pages, c.pool.Pages)
}

func (c *Checked) checkKeep(src LayerKV, rows [][]int32, dst []int32) error {
	if err := c.checkLayer("keep", src, 0); err != nil {
		return err
	}
	if len(rows) != 1 && len(rows) != c.pool.Heads.KV {
		return fmt.Errorf("keep: %d lists of rows, 1 or one for each of %d KV heads wanted", len(rows), c.pool.Heads.KV)
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
	return checkRows("keep", "page", dst, c.pool.Pages)
}
