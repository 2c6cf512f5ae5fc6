package engine

import "aircache.dev/aircache/runtime/control"

// Snapshot is the engine's state at one moment.
type Snapshot struct {
	Applied  control.Ack
	Draining bool
	Open     int // requests that have not ended
	Load     Load
	Panics   int64 // contained so far
}

// Snapshot may be called from any goroutine. Load is that of the end of the last turn, or later.
func (e *Engine) Snapshot() Snapshot {
	e.mu.Lock()
	defer e.mu.Unlock()
	return Snapshot{Applied: e.applied, Draining: e.draining, Open: e.open, Load: e.load, Panics: e.panics}
}

func (e *Engine) countPanic() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.panics++
}

// publish tells the pool's and the queue's state, if it changed.
func (e *Engine) publish() {
	now := e.measure()
	e.mu.Lock()
	now.Waiting = e.queue.size + now.Preempted
	for _, j := range e.running {
		j.pay()
	}
	if e.filling != nil {
		e.filling.job.pay()
	}
	for _, t := range e.queue.backlog {
		for _, j := range t.waiting {
			now.PagesWanted += e.wants(j)
		}
	}
	now.DemandRatio = now.UsageRatio
	if now.BlockedOnMemory {
		now.DemandRatio = 1
	}
	changed := now != e.load
	e.load = now
	e.mu.Unlock()
	if changed {
		e.opts.Recorder.Load(now)
	}
}

// measure is the part that belongs to the device goroutine.
func (e *Engine) measure() Load {
	used, reserved := e.shadowPages()
	cached, pinned := e.cachedPages()
	used, reserved = e.pool.Used()-used-cached, e.ledger.Reserved()-reserved-pinned
	l := Load{Preempted: len(e.swapped), Running: len(e.running) + e.fillings(), BlockedOnMemory: e.blocked,
		PagesCached: cached, BytesOffloaded: e.offloaded(), PagesUsed: used, PagesFree: e.shape.Pages - used, PagesReserved: reserved,
		BytesUsed: e.shape.Bytes(used), BytesTotal: e.shape.Bytes(e.shape.Pages), BytesReserved: e.shape.Bytes(reserved),
		UsageRatio: float64(used) / float64(e.shape.Pages)}
	for _, j := range e.running {
		rows := j.sequence.Rows()
		l.RowsCached += rows
		l.SlotsWasted += j.sequence.Pages()*e.shape.PageTokens - rows
	}
	return l
}

// fillings is 1 while a prompt is on its way.
func (e *Engine) fillings() int {
	if e.filling != nil {
		return 1
	}
	return 0
}

// wants estimates what a waiting request will hold once its prompt is compressed at the retention in force: the same rows in
// every layer. The caller holds the lock.
func (e *Engine) wants(j *job) int {
	visual := len(j.prompt.Visual)
	if j.whole == "" {
		visual = visual * int(e.applied.TargetPermille) / control.MaxPermille
	}
	return e.config.Layers * e.shape.PagesFor(j.prompt.Rows-len(j.prompt.Visual)+visual)
}
