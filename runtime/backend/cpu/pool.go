package cpu

import (
	"sync"
	"sync/atomic"
)

// work is an op cut into parts that may run at once. It lives in the Backend, so that starting it allocates nothing.
type work interface {
	part(i, worker int)
}

// pool is a fixed set of workers; the caller is worker 0.
type pool struct {
	wake    []chan struct{}
	running sync.WaitGroup
	next    atomic.Int64

	work  work
	parts int

	panicked atomic.Pointer[any]
}

func newPool(threads int) *pool {
	p := &pool{wake: make([]chan struct{}, threads-1)}
	for i := range p.wake {
		p.wake[i] = make(chan struct{}, 1)
		go p.serve(p.wake[i], i+1)
	}
	return p
}

func (p *pool) threads() int { return len(p.wake) + 1 }

func (p *pool) serve(wake chan struct{}, worker int) {
	for range wake {
		p.drain(worker)
		p.running.Done()
	}
}

// run returns when every part has run. A panic of any part is the caller's panic.
func (p *pool) run(w work, parts int) {
	if parts <= 0 {
		return
	}
	p.work, p.parts = w, parts
	p.next.Store(0)
	helpers := min(len(p.wake), parts-1)
	p.running.Add(helpers)
	for _, wake := range p.wake[:helpers] {
		wake <- struct{}{}
	}
	p.drain(0)
	p.running.Wait()
	if v := p.panicked.Swap(nil); v != nil {
		panic(*v)
	}
}

func (p *pool) drain(worker int) {
	defer func() {
		if v := recover(); v != nil {
			kept := v // v itself would be allocated on every return, with or without a panic
			p.panicked.Store(&kept)
		}
	}()
	for {
		i := int(p.next.Add(1)) - 1
		if i >= p.parts {
			return
		}
		p.work.part(i, worker)
	}
}

func (p *pool) close() {
	for _, wake := range p.wake {
		close(wake)
	}
	p.wake = nil
}

// rowsPerPart cuts rows so that every worker gets about two parts and no part is shorter than least.
func (p *pool) rowsPerPart(rows, least int) int {
	if p.threads() == 1 {
		return max(rows, 1)
	}
	return max(least, (rows+2*p.threads()-1)/(2*p.threads()), 1)
}

// cut is part i of rows: from, to.
func cut(i, step, rows int) (from, to int) { return i * step, min((i+1)*step, rows) }

// parts is how many cuts of step there are.
func parts(rows, step int) int { return (rows + step - 1) / step }
