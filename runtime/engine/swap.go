package engine

import (
	"errors"
	"fmt"

	"aircache.dev/aircache/runtime/kv"
)

// Swap lets requests be admitted before their whole answers fit. A request is promised the pages of its prompt and of the first
// PromisedAnswer tokens of its answer; those of later ones are promised as the answer goes on. Where none are left the request
// that was admitted last is preempted: its pages go to host memory as they are, and come back, to the bit, before any other request
// is admitted. From then on it has its whole answer promised, so nobody is preempted twice.
//
// It pays where max_tokens is far over what answers take, as it is where clients leave it out. The price is host memory, the copies
// (an 8k picture at 10 % of LLaVA-OneVision-7B is 58 MB), and a pause in some answers.
type Swap struct {
	PromisedAnswer int   // tokens; 0: the whole answer, and nobody is preempted
	HostBytes      int64 // of host memory; a request that might not find room in it is promised its whole answer
}

// SwapRecorder is a Recorder that also wants to know of preemptions.
type SwapRecorder interface {
	Preempted(bytes int64)
	Resumed(bytes int64)
}

// away is a preempted request's cache in host memory.
type away struct {
	data     []byte
	rows     []int // by layer
	position int
}

// promised is how many tokens of the answer a request has pages promised for when it is admitted.
func (e *Engine) promised(j *job) int {
	n := e.opts.Swap.PromisedAnswer
	if n == 0 || n >= j.maxTokens || e.risked+e.atRisk(j) > e.opts.Swap.HostBytes {
		return j.maxTokens
	}
	return n
}

// atRisk is the most host memory that a request may take.
func (e *Engine) atRisk(j *job) int64 {
	return e.shape.Bytes(e.config.Layers * e.shape.PagesFor(j.prompt.Rows+answerRows(j.maxTokens)))
}

// risk counts a request that is admitted with less than its whole answer.
func (e *Engine) risk(j *job) {
	if j.promised = e.promised(j); j.promised < j.maxTokens {
		j.risked = e.atRisk(j)
		e.risked += j.risked
	}
}

func (e *Engine) riskOver(j *job) {
	e.risked -= j.risked
	j.risked = 0
}

// extendPromises promises pages for the next tokens of answers that are longer than what was promised. It preempts where there
// are none.
func (e *Engine) extendPromises() {
	for {
		short := e.short()
		switch {
		case short == nil:
			return
		case len(e.flights) > 0:
			e.landAll() // answers may have ended; and who is preempted must have no token on its way
		case e.shadow != nil:
			e.endShadow()
		default:
			e.preempt(e.youngest())
		}
	}
}

// short extends promises until one cannot be, and returns whose; nil: all are.
func (e *Engine) short() *job {
	for _, j := range e.running {
		next := j.usage.CompletionTokens + j.pending + 1
		if next <= j.promised || !j.hasMore() {
			continue
		}
		ahead := min(e.shape.PageTokens, j.maxTokens-next+1)
		pages := e.shape.Remaining(j.sequence.RowsByLayer(), ahead)
		if more := pages - j.promise.Pages(); more > 0 && j.promise.Extend(more) != nil {
			return j
		}
		j.promised = next + ahead - 1
	}
	return nil
}

// youngest is the request that was admitted last, of those that were not preempted yet. There is one where a promise falls short:
// who was preempted once has all promised.
func (e *Engine) youngest() *job {
	for i := len(e.running) - 1; i >= 0; i-- {
		if j := e.running[i]; j.risked > 0 {
			return j
		}
	}
	return nil
}

// preempt brings a request's cache to the host. Nothing of it may be in flight.
func (e *Engine) preempt(victim *job) {
	e.endRunning(func(j *job) ending {
		if j != victim {
			return ending{}
		}
		if err := e.contain("preempting", func() error { return e.swapOut(j) }); err != nil {
			return failed(fmt.Errorf("moving the request's cache to the host: %w", err))
		}
		return ending{reason: preempted}
	})
}

// preempted takes a job off the running ones without an end.
const preempted FinishReason = "preempted"

func (e *Engine) swapOut(j *job) error {
	s := j.sequence
	a := &away{rows: s.RowsByLayer(), position: s.Position}
	var pages []int32
	for l, t := range s.Tables {
		pages = append(pages, t.Pages[:e.shape.PagesFor(a.rows[l])]...)
	}
	a.data = make([]byte, e.shape.Bytes(len(pages)))
	if err := e.model.ReadPages(a.data, pages); err != nil {
		return err
	}
	if err := s.Release(); err != nil {
		return err
	}
	j.promise.Release()
	j.sequence, j.promise, j.away = nil, nil, a
	e.slots = append(e.slots, j.slot)
	e.swapped = append(e.swapped, j)
	if r, ok := e.opts.Recorder.(SwapRecorder); ok {
		r.Preempted(int64(len(a.data)))
	}
	e.opts.Log.Info("a request is preempted: others need its pages", "request", j.handle.id, "tokens", j.usage.CompletionTokens, "bytes", len(a.data))
	return nil
}

// resume brings preempted requests back, the first one first, and reports whether none is left: then others may be admitted.
func (e *Engine) resume() bool {
	e.blocked = false
	for len(e.swapped) > 0 && len(e.running) < e.opts.MaxRunning {
		j := e.swapped[0]
		need := e.shape.Remaining(j.away.rows, j.maxTokens-j.usage.CompletionTokens)
		if e.ledger.Fit(need) != kv.FitsNow && e.shadow != nil {
			e.endShadow()
		}
		promise, err := e.ledger.Reserve(need)
		if err != nil {
			e.blocked = true
			return false
		}
		e.swapped = append(e.swapped[:0], e.swapped[1:]...)
		j.promise, j.promised, j.sequence, j.slot = promise, j.maxTokens, e.pool.NewSequence(), e.takeSlot()
		e.riskOver(j)
		if err := e.contain("resuming", func() error { return e.swapIn(j) }); err != nil {
			e.finish(j, failed(fmt.Errorf("bringing the request's cache back: %w", err)))
			continue
		}
		e.running = append(e.running, j)
	}
	return len(e.swapped) == 0
}

func (e *Engine) swapIn(j *job) error {
	a, s := j.away, j.sequence
	var pages []int32
	for l, rows := range a.rows {
		err := s.Fill(l, rows, func(p []int32) error {
			pages = append(pages, p...)
			return nil
		})
		if err != nil {
			return err
		}
	}
	s.Position = a.position
	if int64(len(a.data)) != e.shape.Bytes(len(pages)) {
		return errors.New("the copy has another size than the tables")
	}
	if err := e.model.WritePages(pages, a.data); err != nil {
		return err
	}
	if r, ok := e.opts.Recorder.(SwapRecorder); ok {
		r.Resumed(int64(len(a.data)))
	}
	j.away = nil
	return nil
}

// endSwapped asks about every preempted job and ends those for which the answer is yes.
func (e *Engine) endSwapped(ends func(*job) ending) {
	stay := e.swapped[:0]
	for _, j := range e.swapped {
		if end := ends(j); end.yes() {
			j.away = nil
			e.finish(j, end)
		} else {
			stay = append(stay, j)
		}
	}
	clear(e.swapped[len(stay):])
	e.swapped = stay
}
