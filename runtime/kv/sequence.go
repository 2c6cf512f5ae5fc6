package kv

import "fmt"

// Table is where one layer of a sequence lies: Rows rows in Pages, in order.
type Table struct {
	Pages []int32
	Rows  int
}

// Sequence is the cache of one request. Position is the logical position of the next row: it counts what was written, while
// a table's Rows counts what is still there.
type Sequence struct {
	pool     *Pool
	Tables   []Table
	Position int
}

// NewSequence holds nothing yet.
func (p *Pool) NewSequence() *Sequence {
	return &Sequence{pool: p, Tables: make([]Table, p.shape.Layers)}
}

// Room makes sure that every layer has pages for n more rows: for all layers, or for none.
func (s *Sequence) Room(n int) error {
	missing := 0
	for _, t := range s.Tables {
		missing += s.shortage(t, n)
	}
	if missing == 0 {
		return nil
	}
	pages, err := s.pool.Take(missing)
	if err != nil {
		return err
	}
	for l := range s.Tables {
		t := &s.Tables[l]
		take := s.shortage(*t, n)
		t.Pages = append(t.Pages, pages[:take]...)
		pages = pages[take:]
	}
	return nil
}

func (s *Sequence) shortage(t Table, n int) int {
	return max(0, s.pool.shape.PagesFor(t.Rows+n)-len(t.Pages))
}

// Wrote counts n rows that were written to every layer. The room must have been made.
func (s *Sequence) Wrote(n int) {
	for l := range s.Tables {
		s.Tables[l].Rows += n
	}
	s.Position += n
}

// Compact replaces a layer by the copy that `copy` makes of the given rows in fresh pages, and frees the old ones. The
// position stays. Where copy fails, everything is as before.
func (s *Sequence) Compact(layer int, rows []int32, copy func(src Table, rows, dst []int32) error) error {
	old := s.Tables[layer]
	if len(rows) > old.Rows {
		return fmt.Errorf("compacting layer %d: %d rows are to be kept, it has %d", layer, len(rows), old.Rows)
	}
	fresh, err := s.pool.Take(s.pool.shape.PagesFor(len(rows)))
	if err != nil {
		return fmt.Errorf("compacting layer %d: %w", layer, err)
	}
	done := false
	defer func() { // also on a panic of the device's copy
		if !done {
			_ = s.pool.Return(fresh)
		}
	}()
	if err := copy(old, rows, fresh); err != nil {
		return fmt.Errorf("compacting layer %d: %w", layer, err)
	}
	done = true
	s.Tables[layer] = Table{Pages: fresh, Rows: len(rows)}
	return s.pool.Return(old.Pages)
}

// Fill takes pages for the rows of an empty layer and lets write put them there: a copy of another sequence's rows, say. Where
// write fails the layer stays empty. Position is the caller's to set.
func (s *Sequence) Fill(layer, rows int, write func(pages []int32) error) error {
	t := &s.Tables[layer]
	if len(t.Pages) > 0 {
		return fmt.Errorf("filling layer %d: it has %d pages already", layer, len(t.Pages))
	}
	pages, err := s.pool.Take(s.pool.shape.PagesFor(rows))
	if err != nil {
		return fmt.Errorf("filling layer %d: %w", layer, err)
	}
	t.Pages = pages // the sequence's own, so that Release finds them also after write has failed
	if err := write(pages); err != nil {
		return fmt.Errorf("filling layer %d: %w", layer, err)
	}
	t.Rows = rows
	return nil
}

// Rewind forgets the last n rows of every layer; their pages stay for those that follow.
func (s *Sequence) Rewind(n int) {
	for l := range s.Tables {
		s.Tables[l].Rows -= n
	}
	s.Position -= n
}

// Release gives all pages back; a second time it does nothing.
func (s *Sequence) Release() error {
	for l := range s.Tables {
		if err := s.pool.Return(s.Tables[l].Pages); err != nil {
			return fmt.Errorf("releasing layer %d: %w", l, err)
		}
		s.Tables[l] = Table{}
	}
	return nil
}

// Pages and Rows over all layers.
func (s *Sequence) Pages() int {
	n := 0
	for _, t := range s.Tables {
		n += len(t.Pages)
	}
	return n
}

func (s *Sequence) Rows() int {
	n := 0
	for _, t := range s.Tables {
		n += t.Rows
	}
	return n
}

// RowsByLayer is what Shape.Remaining takes.
func (s *Sequence) RowsByLayer() []int {
	rows := make([]int, len(s.Tables))
	for l, t := range s.Tables {
		rows[l] = t.Rows
	}
	return rows
}
