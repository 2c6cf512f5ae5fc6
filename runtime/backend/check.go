package backend

import (
	"errors"
	"fmt"
)

// Checked is a backend that tests every argument first. The first error sticks: until Sync has reported it, nothing runs.
// An error found here costs the step, not the device: after Sync the next step starts clean.
type Checked struct {
	to     Backend
	pool   Pool
	staged Batch      // the last one
	step   []Sequence // and what it was made of
	rows   int
	err    error
}

// Check wraps a backend.
func Check(b Backend) *Checked { return &Checked{to: b} }

func (c *Checked) Name() string { return c.to.Name() }

func (c *Checked) Asynchronous() bool { return c.to.Asynchronous() }

func (c *Checked) Close() error { return c.to.Close() }

// Sync waits for the device and returns the first error since the last Sync.
func (c *Checked) Sync() error {
	err := errors.Join(c.err, c.to.Sync())
	c.err = nil
	return err
}

// Refused returns the first wrong argument since the last Sync or Refused, and does not wait for the device.
func (c *Checked) Refused() error {
	err := c.err
	c.err = nil
	return err
}

// ok records the first problem and says whether the op may run.
func (c *Checked) ok(err error) bool {
	if c.err == nil {
		c.err = err
	}
	return c.err == nil
}

func (c *Checked) Alloc(rows, cols int, p Precision) (Tensor, error) {
	if rows <= 0 || cols <= 0 || p > Exact {
		return Tensor{}, fmt.Errorf("allocating a tensor: %d x %d of precision %d is not a shape", rows, cols, p)
	}
	return c.to.Alloc(rows, cols, p)
}

func (c *Checked) Free(t Tensor) {
	if !t.None() {
		c.to.Free(t)
	}
}

func (c *Checked) Write(dst Tensor, src []float32) {
	if c.ok(checkValues("write", dst, len(src))) {
		c.to.Write(dst, src)
	}
}

func (c *Checked) Load(dst Tensor, raw []byte, from DType) {
	if c.ok(checkLoad(dst, raw, from)) {
		c.to.Load(dst, raw, from)
	}
}

func checkLoad(dst Tensor, raw []byte, from DType) error {
	size := from.Bytes()
	if size == 0 || len(raw)%size != 0 {
		return fmt.Errorf("load: %d bytes of %q are no rows of %s, %s or %s", len(raw), from, F32, F16, BF16)
	}
	return checkValues("load", dst, len(raw)/size)
}

// Read leaves dst alone after an error.
func (c *Checked) Read(dst []float32, src Tensor) {
	if c.ok(checkValues("read", src, len(dst))) {
		c.to.Read(dst, src)
	}
}

func checkValues(op string, t Tensor, n int) error {
	if err := checkPresent(op, t); err != nil {
		return err
	}
	if t.Rows*t.Cols != n {
		return fmt.Errorf("%s: the tensor is %d x %d, the host has %d values", op, t.Rows, t.Cols, n)
	}
	return nil
}

func checkPresent(op string, tensors ...Tensor) error {
	for i, t := range tensors {
		if t.None() || t.Rows < 0 || t.Cols <= 0 || t.Offset < 0 {
			return fmt.Errorf("%s: operand %d is missing (%d x %d)", op, i, t.Rows, t.Cols)
		}
	}
	return nil
}

// checkShape wants t to be rows x cols.
func checkShape(op, what string, t Tensor, rows, cols int) error {
	if t.None() || t.Rows != rows || t.Cols != cols {
		return fmt.Errorf("%s: %s is %d x %d, %d x %d wanted", op, what, t.Rows, t.Cols, rows, cols)
	}
	return nil
}

// checkExact wants float32.
func checkExact(op, what string, t Tensor) error {
	if t.Precision != Exact {
		return fmt.Errorf("%s: %s must be of precision Exact", op, what)
	}
	return nil
}

// checkRows wants every row inside 0..limit-1.
func checkRows(op, what string, rows []int32, limit int) error {
	for i, r := range rows {
		if r < 0 || int(r) >= limit {
			return fmt.Errorf("%s: %s %d (number %d) is outside 0..%d", op, what, r, i, limit-1)
		}
	}
	return nil
}

// checkAscending wants strictly rising rows inside 0..limit-1.
func checkAscending(op, what string, rows []int32, limit int) error {
	for i := 1; i < len(rows); i++ {
		if rows[i] <= rows[i-1] {
			return fmt.Errorf("%s: %s %d (number %d) does not rise above %d", op, what, rows[i], i, rows[i-1])
		}
	}
	return checkRows(op, what, rows, limit)
}
