package eval

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Bar tells how far a run is: on a terminal as one line that is drawn again, elsewhere as a line each twentieth of the way.
type Bar struct {
	to       io.Writer
	terminal bool
	clock    func() time.Time
	start    time.Time
	from     int // samples that were finished before
	told     int // twentieths
}

// NewBar starts the clock; done samples are there already.
func NewBar(to io.Writer, terminal bool, clock func() time.Time, done int) *Bar {
	return &Bar{to: to, terminal: terminal, clock: clock, start: clock(), from: done, told: -1}
}

// Show tells the state after a sample.
func (b *Bar) Show(done, total int) {
	const width = 20
	filled := width * done / max(total, 1)
	if !b.terminal && filled == b.told {
		return
	}
	b.told = filled
	line := fmt.Sprintf("[%s%s] %d of %d samples", strings.Repeat("#", filled), strings.Repeat(".", width-filled), done, total)
	if passed := b.clock().Sub(b.start); done > b.from && passed > 0 {
		each := passed / time.Duration(done-b.from)
		line += fmt.Sprintf(", %.2f s each, %s left", each.Seconds(), (each * time.Duration(total-done)).Round(time.Second))
	}
	if !b.terminal {
		fmt.Fprintln(b.to, line)
		return
	}
	fmt.Fprint(b.to, "\r\x1b[K"+line)
	if done == total {
		fmt.Fprintln(b.to)
	}
}
