package kv

import "errors"

// reclaim gives some pages back to the pool: those of the block that was used longest ago, among those that nobody reads and none
// in pages continues; where there is none, the youngest draft is given up. It reports whether it could. A block that is being
// filled takes nothing from drafts, nor from the blocks that it continues.
func (c *Prefixes) reclaim(filling *Block) bool {
	for at := c.recent.Back(); at != nil; at = at.Prev() {
		b := at.Value.(*Block)
		if b.readers == 0 && !b.continued() {
			return c.evict(b) == nil
		}
	}
	if last := len(c.drafts) - 1; last >= 0 && filling == nil {
		return c.Drop(c.drafts[last]) == nil // one without pages may hold those of the block that it continues
	}
	return false
}

// continued reports whether a block behind b is in pages, or is being filled.
func (b *Block) continued() bool {
	for child := range b.children {
		if child.draft || child.Resident() {
			return true
		}
	}
	return false
}

// evict moves a block to host memory where there is room for it, or forgets it.
func (c *Prefixes) evict(b *Block) error {
	c.Evicted++
	size := c.pool.shape.Bytes(c.Size(b))
	if c.mover.Offload == nil || size > c.mover.Room {
		return c.Drop(b)
	}
	for c.bytes+size > c.mover.Room {
		oldest := c.oldestAway()
		if oldest == nil {
			return c.Drop(b)
		}
		if err := c.Drop(oldest); err != nil {
			return err
		}
	}
	host, err := c.mover.Offload(b)
	if err != nil {
		return c.Drop(b) // a copy that failed is no loss
	}
	c.recent.Remove(b.at)
	b.host, b.at = host, c.away.PushFront(b)
	c.bytes += host.Bytes()
	return c.empty(b)
}

// oldestAway is the block in host memory that was used longest ago, of those that nobody waits for and none continues.
func (c *Prefixes) oldestAway() *Block {
	for at := c.away.Back(); at != nil; at = at.Prev() {
		if b := at.Value.(*Block); len(b.children) == 0 && b.readers == 0 {
			return b
		}
	}
	return nil
}

// restore brings a block back from host memory; one that cannot come back is forgotten, with those behind it.
func (c *Prefixes) restore(b *Block) error {
	host := b.host
	c.away.Remove(b.at)
	c.bytes -= host.Bytes()
	b.host, b.at = nil, nil
	for l := range b.Tables {
		pages, err := c.pool.takeFor(b, c.pool.shape.PagesFor(b.Rows))
		if err != nil {
			return errors.Join(err, c.Drop(b))
		}
		b.Tables[l] = Table{Pages: pages, Rows: b.Rows}
		c.pages += len(pages)
	}
	if err := c.mover.Restore(b, host); err != nil {
		return errors.Join(err, c.Drop(b))
	}
	b.at = c.recent.PushFront(b)
	return nil
}
