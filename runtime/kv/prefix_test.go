package kv

import (
	"errors"
	"math/rand/v2"
	"testing"
)

var blockShape = Shape{Pages: 40, PageTokens: 4, Layers: 2, PageBytes: 8}

func keyNamed(n int) (k Key) { k[0], k[1] = byte(n), byte(n>>8); return k }

// keep drafts, fills and publishes a block of rows.
func keep(t testing.TB, c *Prefixes, parent *Block, name, rows int) *Block {
	t.Helper()
	b := c.Draft(parent, keyNamed(name), rows)
	for l := range blockShape.Layers {
		if err := c.Fill(b, l, func([]int32) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Publish(b); err != nil || b.Dropped() {
		t.Fatal(err)
	}
	return b
}

// Where pages run out the block that was used longest ago goes, never one that is read or that others continue.
func TestTheOldestBlockThatNobodyReadsGoesFirst(t *testing.T) {
	pool := NewPool(blockShape)
	c := NewPrefixes(pool, Mover{})
	root := keep(t, c, nil, 1, 8)   // 4 pages
	keep(t, c, root, 2, 8)          // 4, continues it
	read := keep(t, c, nil, 3, 8)   // 4
	recent := keep(t, c, nil, 4, 8) // 4
	if err := c.Pin([]*Block{read}); err != nil {
		t.Fatal(err)
	}
	if c.Pages() != 16 || c.Idle() != 12 || !c.Roomy(36) || c.Roomy(37) {
		t.Fatalf("%d pages, %d idle", c.Pages(), c.Idle())
	}
	for i, want := range []struct{ take, blocks int }{{24, 4}, {1, 3}, {4, 2}, {4, 1}} {
		if _, err := pool.Take(want.take); err != nil || c.Blocks() != want.blocks {
			t.Fatalf("take %d: %v, %d blocks left, %d wanted", i, err, c.Blocks(), want.blocks)
		}
	}
	if len(c.Find([]Key{keyNamed(3)})) != 1 || c.Find([]Key{keyNamed(1), keyNamed(2)}) != nil || recent.Tables != nil {
		t.Error("the block that is read should be the last one")
	}
	if _, err := pool.Take(4); !errors.Is(err, ErrNoPages) {
		t.Errorf("a block that is read gave its pages: %v", err)
	}
	c.Unpin([]*Block{read})
	if _, err := pool.Take(7); err != nil {
		t.Error(err)
	}
}

// A block that nobody has published is not found, and gives its pages before a request goes without.
func TestDraftsGiveWay(t *testing.T) {
	pool := NewPool(blockShape)
	c := NewPrefixes(pool, Mover{})
	b := c.Draft(nil, keyNamed(1), 8)
	child := c.Draft(b, keyNamed(2), 8)
	if err := c.Fill(b, 0, func([]int32) error { return nil }); err != nil || c.Find([]Key{keyNamed(1)}) != nil {
		t.Fatalf("a draft is found, or %v", err)
	}
	if _, err := pool.Take(blockShape.Pages); err != nil || !b.Dropped() || !child.Dropped() || c.Pages() != 0 {
		t.Errorf("%v, %d pages", err, c.Pages())
	}
	if err := c.Publish(b); err != nil || c.Blocks() != 0 {
		t.Errorf("publishing what was dropped: %v, %d blocks", err, c.Blocks())
	}
}

// A copy that fails, or a layer that is missing, costs the block and nothing else.
func TestHalfABlockIsNotPublished(t *testing.T) {
	pool := NewPool(blockShape)
	c := NewPrefixes(pool, Mover{})
	failed := c.Draft(nil, keyNamed(1), 8)
	broken := errors.New("broken")
	if err := c.Fill(failed, 0, func([]int32) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	half := c.Draft(nil, keyNamed(2), 8)
	if err := errors.Join(c.Fill(half, 0, func([]int32) error { return nil })); err != nil {
		t.Fatal(err)
	}
	if err := c.Publish(half); err == nil {
		t.Error("a block without its second layer was published")
	}
	if pool.Used() != 0 || c.Blocks() != 0 {
		t.Errorf("%d pages used, %d blocks", pool.Used(), c.Blocks())
	}
}

// hostCopy is a block's content in a test's host memory.
type hostCopy struct{ pages int }

func (h hostCopy) Bytes() int64 { return blockShape.Bytes(h.pages) }

// Whatever is drafted, read, taken and given back: every page has one owner, the counts are right, what is read stays, and no block is
// found whose beginning is gone.
func FuzzPrefixes(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 7, 0, 0, 3, 200, 1, 5, 9, 2, 8, 30, 4, 0, 1, 255, 17}, true)
	r := rand.New(rand.NewPCG(4, 2))
	for range 30 {
		b := make([]byte, 400)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b, len(b)%2 == 0)
	}
	f.Fuzz(func(t *testing.T, script []byte, host bool) {
		pool := NewPool(blockShape)
		moves := 0
		mover := Mover{Room: 12 * blockShape.PageBytes,
			Offload: func(b *Block) (Host, error) {
				if moves++; moves%7 == 0 {
					return nil, errors.New("now and then it fails")
				}
				return hostCopy{blockShape.Layers * blockShape.PagesFor(b.Rows)}, nil
			},
			Restore: func(*Block, Host) error {
				if moves++; moves%5 == 0 {
					return errors.New("now and then it fails")
				}
				return nil
			}}
		if !host {
			mover = Mover{}
		}
		w := &blockWorld{t: t, pool: pool, cache: NewPrefixes(pool, mover)}
		for len(script) >= 2 {
			w.act(int(script[0]), int(script[1]))
			w.check()
			script = script[2:]
		}
	})
}

type blockWorld struct {
	t      *testing.T
	pool   *Pool
	cache  *Prefixes
	drafts []*Block
	filled []int
	pins   [][]*Block
	taken  [][]int32
}

// chain is one of a few beginnings that share blocks: keys 1, 10 + a, 100 + ab.
func chain(arg int) []Key {
	return []Key{keyNamed(1 + arg%2), keyNamed(10 + arg%4), keyNamed(100 + arg%8)}
}

func (w *blockWorld) act(op, arg int) {
	c := w.cache
	switch op % 6 {
	case 0: // draft what is missing of a chain
		keys := chain(arg)
		found := c.Find(keys)
		var parent *Block
		if len(found) > 0 {
			if parent = c.Last(found); parent == nil {
				return
			}
		}
		for _, key := range keys[len(found):] {
			parent = c.Draft(parent, key, 1+arg%9)
			w.drafts, w.filled = append(w.drafts, parent), append(w.filled, 0)
		}
	case 1: // fill a layer of every draft
		for i, d := range w.drafts {
			if !d.Dropped() && w.filled[i] < blockShape.Layers {
				_ = c.Fill(d, w.filled[i], func([]int32) error { return nil })
				w.filled[i]++
			}
		}
	case 2: // publish or drop
		for i, d := range w.drafts {
			switch {
			case d.Dropped():
			case arg%4 == 0:
				if err := c.Drop(d); err != nil {
					w.t.Fatal(err)
				}
			default:
				if err := c.Publish(d); err != nil && w.filled[i] == blockShape.Layers {
					w.t.Fatal(err)
				}
			}
		}
		w.drafts, w.filled = nil, nil
	case 3: // read
		if found := c.Find(chain(arg)); len(found) > 0 && c.Pin(found) == nil {
			w.pins = append(w.pins, found)
		}
	case 4: // read no more
		if n := len(w.pins); n > 0 {
			c.Unpin(w.pins[arg%n])
			w.pins = append(w.pins[:arg%n], w.pins[arg%n+1:]...)
		}
	case 5: // pages come and go
		if arg%2 == 0 && len(w.taken) > 0 {
			if err := w.pool.Return(w.taken[0]); err != nil {
				w.t.Fatal(err)
			}
			w.taken = w.taken[1:]
			return
		}
		room := w.pool.Free() + c.Idle()
		pages, err := w.pool.Take(arg % 20)
		if (err == nil) != (arg%20 <= room) {
			w.t.Fatalf("taking %d pages of %d that are free or idle: %v", arg%20, room, err)
		}
		w.taken = append(w.taken, pages)
	}
}

func (w *blockWorld) check() {
	owner := map[int32]string{}
	own := func(who string, pages []int32) {
		for _, p := range pages {
			if owner[p] != "" {
				w.t.Fatalf("page %d belongs to %s and to %s", p, owner[p], who)
			}
			owner[p] = who
		}
	}
	for _, pages := range w.taken {
		own("a request", pages)
	}
	var bytes int64
	blocks := 0
	for _, b := range w.cache.blocks {
		blocks++
		if b.parent != nil && w.cache.blocks[b.parent.key] != b.parent {
			w.t.Fatal("a block is known whose beginning is gone")
		}
		if !b.Resident() {
			bytes += b.host.Bytes()
			continue
		}
		for _, table := range b.Tables {
			own("a block", table.Pages)
		}
	}
	if bytes != w.cache.bytes || bytes > w.cache.mover.Room {
		w.t.Fatalf("%d bytes in host memory, counted as %d, with room for %d", bytes, w.cache.bytes, w.cache.mover.Room)
	}
	if w.cache.recent.Len()+w.cache.away.Len() != blocks {
		w.t.Fatalf("%d and %d blocks in the lists, %d are known", w.cache.recent.Len(), w.cache.away.Len(), blocks)
	}
	for _, d := range w.cache.drafts {
		for _, table := range d.Tables {
			own("a draft", table.Pages)
		}
	}
	if len(owner) != w.pool.Used() {
		w.t.Fatalf("%d pages have an owner, %d are used", len(owner), w.pool.Used())
	}
	pinned := map[*Block]bool{}
	for _, chain := range w.pins {
		for _, b := range chain {
			if !b.Resident() || b.Tables == nil {
				w.t.Fatal("a block that is read is not in pages any more")
			}
			pinned[b] = true
		}
	}
	want := 0
	for b := range pinned {
		want += w.cache.Size(b)
	}
	if w.cache.Pages()-w.cache.Idle() != want {
		w.t.Fatalf("%d pages count as read, %d are", w.cache.Pages()-w.cache.Idle(), want)
	}
}
