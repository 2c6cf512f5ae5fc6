package kv

import "container/list"

// Shelf holds sequences that nobody runs, for who goes on with them. Their pages are free pages that happen to hold something, as those
// of Prefixes are: a pool that runs out takes them back, the sequence that was put there first goes first. It belongs to the device
// goroutine.
type Shelf struct {
	pool  *Pool
	items list.List // of *Shelved, the latest first
	pages int
}

// Shelved is a sequence on the shelf, or one that was.
type Shelved struct {
	Label    any // the owner's
	sequence *Sequence
	at       *list.Element
}

// NewShelf is empty.
func NewShelf(p *Pool) *Shelf {
	s := &Shelf{pool: p}
	p.reclaim = append(p.reclaim, s.reclaim)
	return s
}

// Pages of all sequences there.
func (s *Shelf) Pages() int { return s.pages }

// Put takes a sequence over. Pages without a row are free at once.
func (s *Shelf) Put(q *Sequence, label any) error {
	if err := q.trim(); err != nil {
		return err
	}
	item := &Shelved{Label: label, sequence: q}
	item.at = s.items.PushFront(item)
	s.pages += q.Pages()
	return nil
}

// Each shows what is there, the latest first, until look says that it has seen enough.
func (s *Shelf) Each(look func(*Shelved) (more bool)) {
	for at := s.items.Front(); at != nil; at = at.Next() {
		if !look(at.Value.(*Shelved)) {
			return
		}
	}
}

// Rows of a sequence that is there, by layer.
func (s *Shelf) Rows(item *Shelved) []int { return item.sequence.RowsByLayer() }

// Take gives a sequence away.
func (s *Shelf) Take(item *Shelved) *Sequence {
	s.items.Remove(item.at)
	s.pages -= item.sequence.Pages()
	return item.sequence
}

func (s *Shelf) reclaim(filling *Block) bool {
	oldest := s.items.Back()
	if oldest == nil || filling != nil {
		return false
	}
	return s.Take(oldest.Value.(*Shelved)).Release() == nil
}

// trim gives pages behind the last row back.
func (s *Sequence) trim() error {
	var free []int32
	for l := range s.Tables {
		t := &s.Tables[l]
		keep := s.pool.shape.PagesFor(t.Rows)
		free = append(free, t.Pages[keep:]...)
		t.Pages = t.Pages[:keep:keep]
	}
	s.Version = s.pool.nextVersion()
	return s.pool.Return(free)
}
