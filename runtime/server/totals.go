package server

import (
	"sync"

	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/engine"
)

// totals adds up what the engine reports into the figures of an Observation, so
// that /metrics and /v1/observation can never disagree.
type totals struct {
	mu   sync.Mutex
	seen control.Observation
}

// empty is the pool before the first request.
func (t *totals) empty(p Pool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen.KV.BytesTotal == 0 {
		t.seen.KV.PagesFree, t.seen.KV.BytesTotal = int64(p.Pages), p.Bytes
	}
}

func (t *totals) prefilled(p engine.Prefill) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen.Tokens.VisualSeenTotal += float64(p.Usage.KVTokensSeen)
	t.seen.Tokens.VisualKeptTotal += p.Usage.KVTokensKept
	t.seen.Tokens.TextTotal += float64(p.TextTokens)
	t.seen.KV.BytesFreedTotal += p.BytesFreed
	q := &t.seen.Quality
	requests, count, sum := &q.RequestsTotal, &q.RecallCount, &q.RecallSum
	if p.Usage.Canary {
		requests, count, sum = &q.Canary.RequestsTotal, &q.Canary.RecallCount, &q.Canary.RecallSum
	}
	if p.Usage.KVTokensSeen > 0 {
		*requests++
	}
	if p.LayerBudgets != nil {
		*count++
		*sum += p.Usage.Recall
	}
}

// agreed adds a comparison up, and the other arm's beside it.
func (t *totals) agreed(a engine.Agreement) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.compared(a.Canary, a.Steps, a.Agreed, a.KL)
	if a.Other == nil {
		return
	}
	t.compared(!a.Canary, a.Steps, a.Other.Agreed, a.Other.KL)
	t.seen.Quality.Canary.PairsTotal++
	switch more := candidateLead(a); {
	case more < 0:
		t.seen.Quality.Canary.PairsWorseTotal++
	case more > 0:
		t.seen.Quality.Canary.PairsBetterTotal++
	}
}

func (t *totals) compared(canary bool, steps, agreed int, kl float64) {
	q := &t.seen.Quality
	if canary {
		q.Canary.ShadowStepsTotal += int64(steps)
		q.Canary.ShadowStepsAgreedTotal += int64(agreed)
		return
	}
	q.ShadowStepsTotal += int64(steps)
	q.ShadowStepsAgreedTotal += int64(agreed)
	q.ShadowKLTotal += kl * float64(steps)
}

// candidateLead is at how many more steps of a pair the value on trial agrees with the whole cache.
func candidateLead(a engine.Agreement) int {
	if a.Canary {
		return a.Agreed - a.Other.Agreed
	}
	return a.Other.Agreed - a.Agreed
}

func (t *totals) token() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen.Tokens.GeneratedTotal++
}

func (t *totals) stepped(s engine.Step) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen.Steps.CountTotal++
	t.seen.Steps.SecondsTotal += s.Seconds
	t.seen.Steps.KVTokensTotal += s.KVTokens
	t.seen.Steps.BatchTotal += float64(s.Batch)
}

func (t *totals) load(l engine.Load) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen.Running, t.seen.Waiting = l.Running, l.Waiting
	t.seen.KV.PagesUsed, t.seen.KV.PagesFree = int64(l.PagesUsed), int64(l.PagesFree)
	t.seen.KV.BytesUsed, t.seen.KV.BytesTotal = l.BytesUsed, l.BytesTotal
	t.seen.KV.UsageRatio, t.seen.KV.AdmissionBlocked = l.UsageRatio, l.BlockedOnMemory
}

func (t *totals) read() control.Observation {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen
}
