package server

import (
	"strconv"

	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/engine"
)

// Metrics is the engine's recorder. Each call is a few atomic additions: the
// engine's device goroutine makes them between two steps.
var (
	_ engine.Recorder          = (*Metrics)(nil)
	_ engine.AgreementRecorder = (*Metrics)(nil)
	_ engine.PrefixRecorder    = (*Metrics)(nil)
	_ engine.SwapRecorder      = (*Metrics)(nil)
)

// Prefilled records a prompt's way into the cache, and what compression kept of it.
func (m *Metrics) Prefilled(p engine.Prefill) {
	u := p.Usage
	m.queueTime.Observe(u.QueueSeconds)
	m.prefillTime.Observe(u.PrefillSeconds)
	m.totals.prefilled(p)
	if p.LayerBudgets == nil {
		return // nothing was scored: neither a budget nor a recall to tell
	}
	m.compression.Observe(u.CompressSeconds)
	m.elite.Observe(float64(u.Elite))
	m.appliedRecall.WithLabelValues(armOf(u.Canary)).Observe(u.Recall)
	for percent, recall := range u.RecallCurve {
		m.recallAt.WithLabelValues(strconv.Itoa(percent)).Observe(recall)
	}
	for layer, kept := range p.LayerBudgets {
		m.layerBudget.WithLabelValues(strconv.Itoa(layer)).Set(float64(kept))
	}
}

// Token records the time to the first token, or between two.
func (m *Metrics) Token(first bool, gapSeconds float64) {
	m.totals.token()
	if first {
		m.firstToken.Observe(gapSeconds)
		return
	}
	m.interToken.Observe(gapSeconds)
}

// Stepped records one decode step.
func (m *Metrics) Stepped(s engine.Step) {
	m.decodeStep.Observe(s.Seconds)
	m.totals.stepped(s)
}

// Finished records the end of a request, whatever the reason.
func (m *Metrics) Finished(f engine.Finished) {
	m.success.WithLabelValues(string(f.Reason)).Inc()
	if f.Reason != engine.FinishStop && f.Reason != engine.FinishLength {
		return // the time of a request that was given up says nothing about the server
	}
	m.endToEnd.Observe(f.TotalSeconds)
	m.decodeTime.Observe(f.DecodeSeconds)
}

// Load records the pool and the queue. The peak is of the demand: a queue that
// waits for memory is pressure even where the used pages alone are not.
func (m *Metrics) Load(l engine.Load) {
	m.kvPeak.report(max(l.UsageRatio, l.DemandRatio))
	m.totals.load(l)
	m.swap.waiting.Set(float64(l.Preempted))
	m.prefix.pages.Set(float64(l.PagesCached))
	m.prefix.offloaded.Set(float64(l.BytesOffloaded))
}

// Agreed records what a shadow found: how a compressed cache compares with the
// whole one at the same words, and the other arm's cache too while a value is on trial.
func (m *Metrics) Agreed(a engine.Agreement) {
	m.totals.agreed(a)
	m.compared(a.Canary, float64(a.Agreed)/float64(a.Steps), a.KL)
	if a.Other != nil {
		m.compared(!a.Canary, float64(a.Other.Agreed)/float64(a.Steps), a.Other.KL)
	}
}

func (m *Metrics) compared(canary bool, agreed, kl float64) {
	m.agreement.WithLabelValues(armOf(canary)).Observe(agreed)
	m.divergence.WithLabelValues(armOf(canary)).Observe(kl)
}

// The arms of a trial, as labels. Without one all requests are stable.
const (
	armStable = "stable"
	armCanary = "canary"
)

func armOf(canary bool) string {
	if canary {
		return armCanary
	}
	return armStable
}

// Tuned is read from the engine at each scrape; there is nothing to add up.
func (m *Metrics) Tuned(control.Ack) {}

// Panicked counts a panic that the engine contained.
func (m *Metrics) Panicked() { m.panics.Inc() }
