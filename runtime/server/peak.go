package server

import (
	"sync"
	"time"
)

// peakWindow is how far back a peak reaches. Scrapes are seconds apart; a burst
// between two of them must still be seen by one.
const peakWindow = 15 * time.Second

// peak is the highest of the values that held in the last peakWindow. It keeps a
// falling sequence: a new value makes all lower, older ones irrelevant.
type peak struct {
	mu      sync.Mutex
	now     func() time.Time
	entries []peakEntry
}

type peakEntry struct {
	value float64
	until time.Time // when another value took over; the last entry still holds
}

func (p *peak) report(value float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if n := len(p.entries); n > 0 {
		p.entries[n-1].until = now
	}
	for n := len(p.entries); n > 0 && p.entries[n-1].value <= value; n-- {
		p.entries = p.entries[:n-1]
	}
	p.entries = append(p.entries, peakEntry{value: value})
	p.forget()
}

// highest also counts the value that was reported last: it holds until the next report.
func (p *peak) highest() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget()
	if len(p.entries) == 0 {
		return 0
	}
	return p.entries[0].value
}

func (p *peak) forget() {
	old := p.now().Add(-peakWindow)
	drop := 0
	for drop < len(p.entries)-1 && p.entries[drop].until.Before(old) {
		drop++
	}
	p.entries = append(p.entries[:0], p.entries[drop:]...)
}
