package cpu

import (
	"sync/atomic"
	"testing"
)

type countWork struct {
	seen    []atomic.Int32
	workers [4]atomic.Int32
	panicAt int
}

func (c *countWork) part(i, worker int) {
	c.seen[i].Add(1)
	c.workers[worker].Add(1)
	if i == c.panicAt {
		panic("part broke")
	}
}

func TestEveryPartRunsOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 4} {
		p := newPool(threads)
		for _, parts := range []int{0, 1, 2, 3, 100} {
			c := &countWork{seen: make([]atomic.Int32, parts), panicAt: -1}
			p.run(c, parts)
			for i := range c.seen {
				if n := c.seen[i].Load(); n != 1 {
					t.Errorf("%d threads: part %d of %d ran %d times", threads, i, parts, n)
				}
			}
			for w := threads; w < len(c.workers); w++ {
				if c.workers[w].Load() > 0 {
					t.Errorf("%d threads: worker %d ran", threads, w)
				}
			}
		}
		p.close()
	}
}

func TestPanicOfAPartReachesTheCaller(t *testing.T) {
	p := newPool(3)
	defer p.close()
	for at := range 3 {
		c := &countWork{seen: make([]atomic.Int32, 3), panicAt: at}
		func() {
			defer func() {
				if v := recover(); v != "part broke" {
					t.Errorf("the caller recovered %v", v)
				}
			}()
			p.run(c, 3)
		}()
	}
	c := &countWork{seen: make([]atomic.Int32, 3), panicAt: -1}
	p.run(c, 3) // the pool works on, and the old panic is gone
}
