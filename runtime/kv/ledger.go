package kv

import "fmt"

// Fit says whether pages can be promised.
type Fit int

// The answers.
const (
	FitsNow Fit = iota
	FitsLater
	FitsNever
)

// Ledger counts the pages that are promised to requests, used or not yet.
type Ledger struct {
	total    int
	reserved int
}

// NewLedger has nothing promised.
func NewLedger(s Shape) *Ledger { return &Ledger{total: s.Pages} }

// Total and Reserved pages.
func (l *Ledger) Total() int    { return l.total }
func (l *Ledger) Reserved() int { return l.reserved }

// Fit tells whether a promise of so many pages could be made.
func (l *Ledger) Fit(pages int) Fit {
	switch {
	case pages > l.total:
		return FitsNever
	case pages > l.total-l.reserved:
		return FitsLater
	default:
		return FitsNow
	}
}

// Promise is a reservation. It grows by what nobody was promised only, so what was promised to others stays true.
type Promise struct {
	ledger *Ledger
	pages  int
}

// Reserve promises pages, or says how many are missing.
func (l *Ledger) Reserve(pages int) (*Promise, error) {
	if pages < 0 || l.Fit(pages) != FitsNow {
		return nil, fmt.Errorf("reserving %d pages, %d of %d are not promised: %w", pages, l.total-l.reserved, l.total, ErrNoPages)
	}
	l.reserved += pages
	return &Promise{ledger: l, pages: pages}, nil
}

// Pages of the promise.
func (p *Promise) Pages() int { return p.pages }

// Shrink lowers the promise; a higher number changes nothing.
func (p *Promise) Shrink(pages int) {
	pages = max(0, min(pages, p.pages))
	p.ledger.reserved -= p.pages - pages
	p.pages = pages
}

// Extend promises more pages, or none where so many are not left.
func (p *Promise) Extend(pages int) error {
	if pages < 0 || p.ledger.Fit(pages) != FitsNow {
		return fmt.Errorf("promising %d pages more, %d of %d are not promised: %w", pages, p.ledger.total-p.ledger.reserved, p.ledger.total, ErrNoPages)
	}
	p.ledger.reserved += pages
	p.pages += pages
	return nil
}

// Release ends the promise; a second time it does nothing.
func (p *Promise) Release() { p.Shrink(0) }
