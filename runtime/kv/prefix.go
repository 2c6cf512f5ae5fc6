package kv

import (
	"container/list"
	"errors"
)

// Key names a block of a prompt together with all that comes before it, and with all that its rows depend on.
type Key [32]byte

// Block is some rows of a prompt, whole in all layers, that later prompts with the same beginning may copy. Its pages belong to
// Prefixes: nobody writes to them once they are filled, and no sequence's table has them. So what compaction makes of a request's
// own copy never shows here.
type Block struct {
	Rows   int
	Tables []Table // one a layer; Pages are nil while the block is in host memory

	key      Key
	parent   *Block // the rows before; nil: the prompt begins here
	children map[*Block]bool
	readers  int
	pinned   bool // counted as such
	draft    bool
	at       *list.Element // in recent or away; nil: a draft, or no longer known
	host     Host          // what was moved to host memory; nil: nothing
}

// Prefixes are blocks by their keys. Their pages are free pages that happen to hold something: a Pool that runs out takes them back,
// those that were used longest ago first, but never a block that somebody reads. So they are no load, and no request waits for
// them. It belongs to the device goroutine, as its Pool does.
type Prefixes struct {
	pool   *Pool
	blocks map[Key]*Block
	recent list.List // blocks in pages, those used last first; a block comes after those it continues
	away   list.List // blocks in host memory, likewise
	drafts []*Block
	pages  int // held
	pinned int // of those, by blocks that somebody reads
	mover  Mover
	bytes  int64 // in host memory

	Evicted int64 // blocks whose pages were taken back, so far
}

// Host is a block's content in host memory.
type Host interface{ Bytes() int64 }

// Mover brings blocks to host memory and back. The zero Mover has no room.
type Mover struct {
	Room    int64 // bytes of host memory
	Offload func(b *Block) (Host, error)
	Restore func(b *Block, from Host) error // b's tables have pages
}

// NewPrefixes knows no block. The pool takes pages back from it when it has none left.
func NewPrefixes(p *Pool, m Mover) *Prefixes {
	c := &Prefixes{pool: p, blocks: map[Key]*Block{}, mover: m}
	p.reclaim = append(p.reclaim, c.reclaim)
	return c
}

// Pages held, Idle those of them that the pool can have back at any time, and Blocks known, in pages or in host memory.
func (c *Prefixes) Pages() int       { return c.pages }
func (c *Prefixes) Idle() int        { return c.pages - c.pinned }
func (c *Prefixes) Blocks() int      { return len(c.blocks) }
func (c *Prefixes) HostBytes() int64 { return c.bytes }

// Find gives the blocks of the longest known beginning: keys are those of a prompt's blocks, in order.
func (c *Prefixes) Find(keys []Key) (found []*Block) {
	for _, key := range keys {
		b := c.blocks[key]
		if b == nil {
			return found
		}
		found = append(found, b)
	}
	return found
}

// Last is the last of some found blocks, where all of them are in pages; else nil.
func (c *Prefixes) Last(found []*Block) *Block {
	for _, b := range found {
		if b.Tables == nil || !b.Resident() {
			return nil
		}
	}
	return found[len(found)-1]
}

// Roomy reports whether so many pages are free, or could be.
func (c *Prefixes) Roomy(pages int) bool { return pages <= c.pool.Free()+c.Idle() }

// Size is how many pages a block takes in all layers.
func (c *Prefixes) Size(b *Block) int { return c.pool.shape.Layers * c.pool.shape.PagesFor(b.Rows) }

// Resident reports whether the block is in pages.
func (b *Block) Resident() bool { return b.host == nil }

// Pin keeps blocks, the first of a prompt and those after it, in pages until Unpin: those in host memory come back first. What it
// needs beside Idle pages must be promised. After an error nothing is pinned.
func (c *Prefixes) Pin(chain []*Block) error {
	for _, b := range chain { // all of them, before one that comes back pushes another out
		b.readers++
		c.count(b)
	}
	for _, b := range chain {
		if !b.Resident() {
			if err := c.restore(b); err != nil {
				c.Unpin(chain)
				return err
			}
			c.count(b)
		}
	}
	for i := len(chain) - 1; i >= 0; i-- { // the first one is the most recent
		c.recent.MoveToFront(chain[i].at)
	}
	return nil
}

// Unpin ends a Pin.
func (c *Prefixes) Unpin(chain []*Block) {
	for _, b := range chain {
		b.readers--
		c.count(b)
	}
}

// count keeps the number of pages that somebody reads.
func (c *Prefixes) count(b *Block) {
	pinned := b.readers > 0 && b.Tables != nil && b.Resident()
	switch {
	case pinned && !b.pinned:
		c.pinned += c.Size(b)
	case b.pinned && !pinned:
		c.pinned -= c.Size(b)
	}
	b.pinned = pinned
}

// Draft begins a block behind another, which must be in pages; nil: behind nothing. Nobody finds it before it is published.
func (c *Prefixes) Draft(parent *Block, key Key, rows int) *Block {
	b := &Block{Rows: rows, Tables: make([]Table, c.pool.shape.Layers), key: key, parent: parent, children: map[*Block]bool{}, draft: true}
	if parent != nil {
		parent.children[b] = true
	}
	c.drafts = append(c.drafts, b)
	return b
}

// Fill takes pages for a layer of a draft and lets write put the rows there. It takes free pages, or those of blocks that were used
// longest ago. Where there is none, or write fails, the draft is dropped, with those behind it.
func (c *Prefixes) Fill(b *Block, layer int, write func(pages []int32) error) error {
	pages, err := c.pool.takeFor(b, c.pool.shape.PagesFor(b.Rows))
	if err != nil {
		c.Drop(b)
		return err
	}
	b.Tables[layer] = Table{Pages: pages, Rows: b.Rows}
	c.pages += len(pages)
	if err := write(pages); err != nil {
		return errors.Join(err, c.Drop(b))
	}
	return nil
}

// Dropped reports whether a draft was given up.
func (b *Block) Dropped() bool { return b.draft && b.Tables == nil }

// Publish lets a draft whose layers are all filled be found. A block that another prompt has published meanwhile wins.
func (c *Prefixes) Publish(b *Block) error {
	if b.Dropped() {
		return nil
	}
	for _, t := range b.Tables {
		if t.Rows != b.Rows {
			return errors.Join(errors.New("publishing a block of a prompt: a layer is missing"), c.Drop(b))
		}
	}
	if b.parent != nil && (b.parent.draft || c.blocks[b.parent.key] != b.parent) || c.blocks[b.key] != nil {
		return c.Drop(b)
	}
	c.undraft(b)
	b.draft = false
	c.blocks[b.key] = b
	b.at = c.recent.PushFront(b)
	for up := b.parent; up != nil; up = up.parent {
		c.recent.MoveToFront(up.at)
	}
	return nil
}

// Drop forgets a block and all that continue it.
func (c *Prefixes) Drop(b *Block) (err error) {
	for child := range b.children {
		err = errors.Join(err, c.Drop(child))
	}
	if b.parent != nil {
		delete(b.parent.children, b)
	}
	if b.draft {
		c.undraft(b)
	} else if c.blocks[b.key] == b {
		delete(c.blocks, b.key)
	}
	if b.host != nil {
		c.bytes -= b.host.Bytes()
		c.away.Remove(b.at)
	} else if b.at != nil {
		c.recent.Remove(b.at)
	}
	b.at = nil
	err = errors.Join(err, c.empty(b))
	b.Tables = nil
	return err
}

func (c *Prefixes) undraft(b *Block) {
	for i, d := range c.drafts {
		if d == b {
			c.drafts = append(c.drafts[:i], c.drafts[i+1:]...)
			return
		}
	}
}

// empty gives a block's pages back.
func (c *Prefixes) empty(b *Block) error {
	var all []int32
	for l := range b.Tables {
		all = append(all, b.Tables[l].Pages...)
		b.Tables[l].Pages = nil
	}
	c.pages -= len(all)
	return c.pool.Return(all)
}

// Each shows every block that can be found.
func (c *Prefixes) Each(look func(Key, *Block)) {
	for key, b := range c.blocks {
		look(key, b)
	}
}
