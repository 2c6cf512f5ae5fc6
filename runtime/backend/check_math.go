package backend

import "fmt"

func (c *Checked) Gather(dst, src Tensor, rows []int32) {
	if c.ok(checkGather(dst, src, rows)) {
		c.to.Gather(dst, src, rows)
	}
}

func checkGather(dst, src Tensor, rows []int32) error {
	if err := checkPresent("gather", dst, src); err != nil {
		return err
	}
	if dst.Rows != len(rows) || dst.Cols > src.Cols {
		return fmt.Errorf("gather: %d rows of %d columns do not fill %d x %d", len(rows), src.Cols, dst.Rows, dst.Cols)
	}
	return checkRows("gather", "row", rows, src.Rows)
}

func (c *Checked) Scatter(dst, src Tensor, rows []int32) {
	if c.ok(checkScatter(dst, src, rows)) {
		c.to.Scatter(dst, src, rows)
	}
}

func checkScatter(dst, src Tensor, rows []int32) error {
	if err := checkPresent("scatter", dst, src); err != nil {
		return err
	}
	if err := checkShape("scatter", "the source", src, len(rows), dst.Cols); err != nil {
		return err
	}
	return checkRows("scatter", "row", rows, dst.Rows)
}

func (c *Checked) Blend(dst, src Tensor, rows []int32, shares []float32) {
	if c.ok(checkBlend(dst, src, rows, shares)) {
		c.to.Blend(dst, src, rows, shares)
	}
}

func checkBlend(dst, src Tensor, rows []int32, shares []float32) error {
	if err := checkPresent("blend", dst, src); err != nil {
		return err
	}
	if dst.Rows == 0 || len(rows) == 0 || len(rows)%dst.Rows != 0 || len(shares) != len(rows) || dst.Cols != src.Cols {
		return fmt.Errorf("blend: %d rows of %d columns with %d shares do not make %d x %d", len(rows), src.Cols, len(shares), dst.Rows, dst.Cols)
	}
	return checkRows("blend", "row", rows, src.Rows)
}

func (c *Checked) Add(dst, x Tensor) {
	if c.ok(checkAdd(dst, x)) {
		c.to.Add(dst, x)
	}
}

func checkAdd(dst, x Tensor) error {
	if err := checkPresent("add", dst, x); err != nil {
		return err
	}
	if x.Rows == 0 || dst.Rows%x.Rows != 0 || dst.Cols != x.Cols {
		return fmt.Errorf("add: %d x %d does not repeat under %d x %d", x.Rows, x.Cols, dst.Rows, dst.Cols)
	}
	return nil
}

func (c *Checked) LayerNorm(dst, x, weight, bias Tensor, eps float32) {
	if c.ok(checkNorm("layer norm", dst, x, weight)) && c.ok(checkShape("layer norm", "the bias", bias, 1, x.Cols)) {
		c.to.LayerNorm(dst, x, weight, bias, eps)
	}
}

func (c *Checked) RMSNorm(dst, x, weight Tensor, eps float32) {
	if c.ok(checkNorm("rms norm", dst, x, weight)) {
		c.to.RMSNorm(dst, x, weight, eps)
	}
}

func checkNorm(op string, dst, x, weight Tensor) error {
	if err := checkPresent(op, dst, x, weight); err != nil {
		return err
	}
	if err := checkShape(op, "the result", dst, x.Rows, x.Cols); err != nil {
		return err
	}
	return checkShape(op, "the weight", weight, 1, x.Cols)
}

func (c *Checked) Linear(dst, x, w, bias Tensor, add bool) {
	if c.ok(checkLinear(dst, x, w, bias)) {
		c.to.Linear(dst, x, w, bias, add)
	}
}

func checkLinear(dst, x, w, bias Tensor) error {
	if err := checkPresent("linear", dst, x, w); err != nil {
		return err
	}
	if x.Cols != w.Cols {
		return fmt.Errorf("linear: x is %d x %d, the weight %d x %d", x.Rows, x.Cols, w.Rows, w.Cols)
	}
	if !bias.None() {
		if err := checkShape("linear", "the bias", bias, 1, w.Rows); err != nil {
			return err
		}
	}
	return checkShape("linear", "the result", dst, x.Rows, w.Rows)
}

func (c *Checked) Activate(x Tensor, f Activation) {
	err := checkPresent("activate", x)
	if err == nil && (f < GELU || f > QuickGELU) {
		err = fmt.Errorf("activate: function %d is not known", f)
	}
	if c.ok(err) {
		c.to.Activate(x, f)
	}
}

func (c *Checked) GatedSiLU(dst, x Tensor) {
	if c.ok(checkPresent("gated silu", dst, x)) && c.ok(checkShape("gated silu", "x", x, dst.Rows, 2*dst.Cols)) {
		c.to.GatedSiLU(dst, x)
	}
}

func (c *Checked) NormHeads(qkv, query, key Tensor, eps float32, h Heads) {
	if c.ok(checkHeads("norm heads", h)) && c.ok(checkShape("norm heads", "qkv", qkv, qkv.Rows, h.Width())) && c.ok(checkHeadNorms(query, key, h)) {
		c.to.NormHeads(qkv, query, key, eps, h)
	}
}

func checkHeadNorms(query, key Tensor, h Heads) error {
	wantQuery, wantKey := h.Dim, h.Dim
	if query.Cols != h.Dim {
		wantQuery, wantKey = h.Query*h.Dim, h.KV*h.Dim
	}
	if err := checkShape("norm heads", "the queries' weight", query, 1, wantQuery); err != nil {
		return err
	}
	return checkShape("norm heads", "the keys' weight", key, 1, wantKey)
}

func (c *Checked) Turn(qkv, angles Tensor, h Heads) {
	if c.ok(checkHeads("turn", h)) && c.ok(checkShape("turn", "qkv", qkv, qkv.Rows, h.Width())) && c.ok(checkTurn("turn", qkv, angles, h)) {
		c.to.Turn(qkv, angles, h)
	}
}

func (c *Checked) Mix(dst, qkv Tensor, sequences int, h Heads) {
	if c.ok(checkMix(dst, qkv, sequences, h)) {
		c.to.Mix(dst, qkv, sequences, h)
	}
}

func checkMix(dst, qkv Tensor, sequences int, h Heads) error {
	if err := checkAttention("mix", dst, qkv, h); err != nil {
		return err
	}
	if sequences < 1 || qkv.Rows%sequences != 0 {
		return fmt.Errorf("mix: %d rows are not %d equal sequences", qkv.Rows, sequences)
	}
	return nil
}

func checkAttention(op string, dst, qkv Tensor, h Heads) error {
	if err := checkHeads(op, h); err != nil {
		return err
	}
	if err := checkShape(op, "qkv", qkv, dst.Rows, h.Width()); err != nil {
		return err
	}
	return checkShape(op, "the result", dst, qkv.Rows, h.Query*h.Dim)
}

func checkHeads(op string, h Heads) error {
	if h.Query < 1 || h.KV < 1 || h.Dim < 1 || h.Query%h.KV != 0 {
		return fmt.Errorf("%s: %d query heads, %d KV heads of %d values are not a shape", op, h.Query, h.KV, h.Dim)
	}
	return nil
}
