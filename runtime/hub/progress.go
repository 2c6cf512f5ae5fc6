package hub

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// Progress tells how far a fetch is, to whoever looks while it runs. The zero value is ready.
type Progress struct {
	done, total atomic.Int64

	mu      sync.Mutex
	waiting string
}

// Bytes that are there, and that there will be; the total grows once, when the weights are known.
func (p *Progress) Bytes() (done, total int64) { return p.done.Load(), p.total.Load() }

// String is one line for a person.
func (p *Progress) String() string {
	p.mu.Lock()
	waiting := p.waiting
	p.mu.Unlock()
	done, total := p.Bytes()
	switch {
	case waiting != "":
		return waiting
	case total == 0:
		return "asking which files there are"
	case done >= total:
		return fmt.Sprintf("checking %s", Size(total))
	}
	return fmt.Sprintf("%s of %s fetched (%d %%)", Size(done), Size(total), done*100/total)
}

func (p *Progress) begin() {
	p.done.Store(0)
	p.total.Store(0)
}

func (p *Progress) wait(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = why
}

// Size writes bytes for a person: "3.1 GB".
func Size(bytes int64) string {
	value := float64(bytes)
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if value < 1000 {
			if unit == "B" {
				return fmt.Sprintf("%d B", bytes)
			}
			return fmt.Sprintf("%.1f %s", value, unit)
		}
		value /= 1000
	}
	return fmt.Sprintf("%.1f TB", value)
}
