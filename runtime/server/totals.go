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
	if p.LayerBudgets != nil {
		t.seen.Quality.RecallCount++
		t.seen.Quality.RecallSum += p.Usage.Recall
	}
}

func (t *totals) agreed(a engine.Agreement) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen.Quality.ShadowStepsTotal += int64(a.Steps)
	t.seen.Quality.ShadowStepsAgreedTotal += int64(a.Agreed)
	t.seen.Quality.ShadowKLTotal += a.KL * float64(a.Steps)
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
