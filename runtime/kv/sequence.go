package kv

import (
	"fmt"
	"slices"
)

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
	Version  uint64 // of the tables, in this pool: as long as it stays, pages are only added behind
	spare    []int32
}

// NewSequence holds nothing yet.
func (p *Pool) NewSequence() *Sequence {
	return &Sequence{pool: p, Tables: make([]Table, p.shape.Layers), Version: p.nextVersion()}
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

// RoomIn makes sure that one layer has pages for n more rows.
func (s *Sequence) RoomIn(layer, n int) error {
	t := &s.Tables[layer]
	pages, err := s.pool.Take(s.shortage(*t, n))
	if err != nil {
		return fmt.Errorf("making room in layer %d: %w", layer, err)
	}
	t.Pages = append(t.Pages, pages...)
	return nil
}

// WroteIn counts n rows that were written to one layer. When all layers have them, Advance counts the position.
func (s *Sequence) WroteIn(layer, n int) { s.Tables[layer].Rows += n }

// Advance moves the position by n rows that every layer has got.
func (s *Sequence) Advance(n int) { s.Position += n }

// Compact lets move bring the rows that a layer keeps into its first pages, and frees the others. The position stays. Where
// move fails no page is freed, and what the layer holds is undefined.
func (s *Sequence) Compact(layer, rows int, move func(src Table, dst []int32) error) error {
	t := &s.Tables[layer]
	if rows > t.Rows {
		return fmt.Errorf("compacting layer %d: %d rows are to be kept, it has %d", layer, rows, t.Rows)
	}
	keep := s.pool.shape.PagesFor(rows)
	if err := move(*t, t.Pages[:keep]); err != nil {
		return fmt.Errorf("compacting layer %d: %w", layer, err)
	}
	free := t.Pages[keep:]
	*t = Table{Pages: t.Pages[:keep:keep], Rows: rows}
	s.Version = s.pool.nextVersion()
	return s.pool.Return(free)
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

// Spare takes pages that will hold rows which somebody else spreads over the layers, and returns them in the order in which they
// must be filled. Adopt says what came of it.
func (s *Sequence) Spare(n int) ([]int32, error) {
	if len(s.spare) > 0 || s.Pages() > 0 {
		return nil, fmt.Errorf("taking spare pages: the sequence has %d, and %d pages", len(s.spare), s.Pages())
	}
	pages, err := s.pool.Take(n)
	if err != nil {
		return nil, fmt.Errorf("taking spare pages: %w", err)
	}
	s.spare = pages
	return slices.Clone(pages), nil
}

// Adopt makes tables of the spare pages: each layer's rows lie in the next ones. What is left is free.
func (s *Sequence) Adopt(rows []int) error {
	if len(rows) != len(s.Tables) {
		return fmt.Errorf("adopting spare pages: %d layers have rows, the sequence has %d", len(rows), len(s.Tables))
	}
	if held := s.Pages() - len(s.spare); held > 0 {
		return fmt.Errorf("adopting spare pages: the sequence has %d others", held)
	}
	need := 0
	for _, n := range rows {
		need += s.pool.shape.PagesFor(max(n, 0))
	}
	if need > len(s.spare) || slices.Min(rows) < 0 {
		return fmt.Errorf("adopting spare pages: rows %v take %d pages, there are %d", rows, need, len(s.spare))
	}
	left := s.spare
	for l, n := range rows {
		pages := s.pool.shape.PagesFor(n)
		s.Tables[l] = Table{Pages: left[:pages:pages], Rows: n}
		left = left[pages:]
	}
	s.spare = nil
	return s.pool.Return(left)
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
	s.Version = s.pool.nextVersion()
	if err := s.pool.Return(s.spare); err != nil {
		return fmt.Errorf("releasing spare pages: %w", err)
	}
	s.spare = nil
	for l := range s.Tables {
		if err := s.pool.Return(s.Tables[l].Pages); err != nil {
			return fmt.Errorf("releasing layer %d: %w", l, err)
		}
		s.Tables[l] = Table{}
	}
	return nil
}

// Pages and Rows over all layers; spare pages count.
func (s *Sequence) Pages() int {
	n := len(s.spare)
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
