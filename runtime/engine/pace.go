package engine

import "time"

// pace is how fast requests leave the queue.
type pace struct {
	last    time.Time     // the last one left, while others waited; zero: none waited
	between time.Duration // from one to the next, of late: each counts an eighth
}

// left counts a request that leaves the queue, and how many are left in it.
func (p *pace) left(now time.Time, waiting int) {
	if !p.last.IsZero() {
		gap := now.Sub(p.last)
		if p.between == 0 {
			p.between = gap
		}
		p.between += (gap - p.between) / 8
	}
	if p.last = now; waiting == 0 {
		p.last = time.Time{} // the next one's gap tells how long nobody came
	}
}

// Bounds of what a client that is refused is told to wait.
const (
	leastRetry = time.Second
	mostRetry  = time.Minute
)

// wait is how long a queue of so many requests takes to empty at this pace, within bounds.
func (p *pace) wait(waiting int) time.Duration {
	return min(max(time.Duration(waiting)*p.between, leastRetry), mostRetry)
}
