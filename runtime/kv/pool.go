package kv

import (
	"errors"
	"fmt"
)

// ErrNoPages says that the pool has fewer free pages than asked for. Admission makes it impossible for an admitted request.
var ErrNoPages = errors.New("no free pages")

// Pool hands out pages. It is not safe for concurrent use: the device goroutine owns it.
type Pool struct {
	shape Shape
	free  []int32 // a stack: the page freed last is used next, while it is warm
	held  []bool

	versions uint64 // given so far

	reclaim []func(filling *Block) bool // free pages that hold what is not needed at once, in this order
}

// NewPool has all pages free.
func NewPool(s Shape) *Pool {
	p := &Pool{shape: s, free: make([]int32, s.Pages), held: make([]bool, s.Pages)}
	for i := range p.free {
		p.free[i] = int32(s.Pages - 1 - i)
	}
	return p
}

// Shape of the pool.
func (p *Pool) Shape() Shape { return p.shape }

// Free and Used pages.
func (p *Pool) Free() int { return len(p.free) }
func (p *Pool) Used() int { return p.shape.Pages - len(p.free) }

// nextVersion is a number that no table had before; never 0.
func (p *Pool) nextVersion() uint64 {
	p.versions++
	return p.versions
}

// Take hands out n pages, or none. Cached blocks of prompts make room: see Prefixes.
func (p *Pool) Take(n int) ([]int32, error) { return p.takeFor(nil, n) }

// takeFor takes for a block that is being filled, or for a sequence.
func (p *Pool) takeFor(filling *Block, n int) ([]int32, error) {
	for n > len(p.free) && p.makeRoom(filling) {
	}
	if n > len(p.free) {
		return nil, fmt.Errorf("taking %d pages, %d are free: %w", n, len(p.free), ErrNoPages)
	}
	pages := make([]int32, n)
	for i := range pages {
		last := len(p.free) - 1
		pages[i] = p.free[last]
		p.free = p.free[:last]
		p.held[pages[i]] = true
	}
	return pages, nil
}

func (p *Pool) makeRoom(filling *Block) bool {
	for _, reclaim := range p.reclaim {
		if reclaim(filling) {
			return true
		}
	}
	return false
}

// Return gives pages back: all of them, or none if one was not held.
func (p *Pool) Return(pages []int32) error {
	for i, page := range pages {
		if page < 0 || int(page) >= p.shape.Pages || !p.held[page] {
			for _, undo := range pages[:i] {
				p.held[undo] = true
			}
			return fmt.Errorf("returning page %d: it is not held", page)
		}
		p.held[page] = false
	}
	p.free = append(p.free, pages...)
	return nil
}
