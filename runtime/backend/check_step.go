package backend

import (
	"fmt"

	"aircache.dev/aircache/runtime/sampling"
)

// Stage tests rows, tokens, slots, and the pages that will be written: a replayed step is not recorded, so it is not tested again.
func (c *Checked) Stage(s []Sequence) (Batch, error) {
	c.staged, c.step, c.rows = nil, nil, 0
	rows := 0
	for i := range s {
		if err := c.checkSequence(&s[i]); err != nil {
			return nil, fmt.Errorf("staging sequence %d: %w", i, err)
		}
		rows += s[i].Rows
	}
	if rows == 0 {
		return nil, fmt.Errorf("staging a step: it has no rows")
	}
	b, err := c.to.Stage(s)
	if err != nil {
		return nil, err
	}
	c.staged, c.step, c.rows = b, s, rows
	return b, nil
}

func (c *Checked) checkSequence(s *Sequence) error {
	if s.Rows < 1 || len(s.Tokens) != 0 && len(s.Tokens) != s.Rows {
		return fmt.Errorf("it has %d rows and %d tokens", s.Rows, len(s.Tokens))
	}
	if s.Slot < NoSlot || s.Slot >= Slots {
		return fmt.Errorf("slot %d is outside %d..%d", s.Slot, NoSlot, Slots-1)
	}
	for i, token := range s.Tokens {
		if token < -Slots {
			return fmt.Errorf("token %d (number %d) is neither one nor a slot", token, i)
		}
	}
	if s.KV.Position < 0 || len(s.KV.Layers) > c.pool.Layers {
		return fmt.Errorf("it stands at position %d in %d layers, the pool has %d", s.KV.Position, len(s.KV.Layers), c.pool.Layers)
	}
	for layer, kv := range s.KV.Layers {
		if len(kv.Pages) == 0 && kv.Len == 0 {
			continue // not of this step: a prompt runs layer by layer
		}
		want := Pages(kv.Len + s.Rows)
		if kv.Len < 0 || len(kv.Pages) < want {
			return fmt.Errorf("%d cached and %d new rows need %d pages, %d given (layer %d)", kv.Len, s.Rows, want, len(kv.Pages), layer)
		}
		if err := checkRows("staging", "page", kv.Pages[kv.Len/PageTokens:want], c.pool.Pages); err != nil {
			return fmt.Errorf("%w (layer %d)", err, layer)
		}
	}
	return nil
}

func (c *Checked) Bucket(n int) int { return c.to.Bucket(n) }

// Capture records nothing after an error: what it would keep is half a step.
func (c *Checked) Capture(key string, record func()) {
	if c.err == nil {
		c.to.Capture(key, record)
	}
}

func (c *Checked) Embed(dst, table Tensor, b Batch) {
	if c.ok(c.checkEmbed(dst, table, b)) {
		c.to.Embed(dst, table, b)
	}
}

func (c *Checked) checkEmbed(dst, table Tensor, b Batch) error {
	if err := checkPresent("embed", dst, table); err != nil {
		return err
	}
	if err := c.checkStaged("embed", b); err != nil {
		return err
	}
	for i := range c.step {
		s := &c.step[i]
		if len(s.Tokens) == 0 {
			return fmt.Errorf("embed: sequence %d was staged without tokens", i)
		}
		for j, token := range s.Tokens {
			if int(token) >= table.Rows {
				return fmt.Errorf("embed: token %d (number %d of sequence %d) is outside 0..%d", token, j, i, table.Rows-1)
			}
		}
	}
	return checkShape("embed", "the result", dst, c.rows, table.Cols)
}

func (c *Checked) Angles(dst, inverse Tensor, b Batch) {
	if c.ok(c.checkAngles(dst, inverse, b)) {
		c.to.Angles(dst, inverse, b)
	}
}

func (c *Checked) checkAngles(dst, inverse Tensor, b Batch) error {
	if err := checkPresent("angles", dst, inverse); err != nil {
		return err
	}
	if err := c.checkStaged("angles", b); err != nil {
		return err
	}
	if err := checkExact("angles", "the result", dst); err != nil {
		return err
	}
	if err := checkExact("angles", "the inverse", inverse); err != nil {
		return err
	}
	if err := checkShape("angles", "the inverse", inverse, 1, inverse.Cols); err != nil {
		return err
	}
	return checkShape("angles", "the result", dst, c.rows, 2*inverse.Cols)
}

// checkStaged wants the batch staged last.
func (c *Checked) checkStaged(op string, b Batch) error {
	if b == nil || b != c.staged {
		return fmt.Errorf("%s: the batch is not the one that was staged last", op)
	}
	return nil
}

func (c *Checked) Sample(logits Tensor, b Batch) {
	if c.ok(c.checkSample(logits, b)) {
		c.to.Sample(logits, b)
	}
}

func (c *Checked) checkSample(logits Tensor, b Batch) error {
	if err := checkPresent("sample", logits); err != nil {
		return err
	}
	if err := c.checkStaged("sample", b); err != nil {
		return err
	}
	if err := checkExact("sample", "the logits", logits); err != nil {
		return err
	}
	for i := range c.step {
		if d := &c.step[i].Draw; !(d.Temperature >= 0 && d.TopK >= 0 && d.TopP >= 0 && d.TopP <= 1 && d.Point >= 0 && d.Point < 1 && d.Top >= 0) {
			return fmt.Errorf("sample: sequence %d cannot be drawn by %+v", i, *d)
		}
	}
	return checkShape("sample", "the logits", logits, len(c.step), logits.Cols)
}

// Sampled reports wrong arguments as Sync does.
func (c *Checked) Sampled(b Batch) ([]sampling.Choice, error) {
	if err := c.Refused(); err != nil {
		return nil, err
	}
	if b == nil {
		return nil, fmt.Errorf("sampled: there is no batch")
	}
	return c.to.Sampled(b)
}
