package engine

import "aircache.dev/aircache/runtime/control"

// Recorder takes what happens in the engine, for metrics. All calls but Tuned come from the device goroutine, so they must be
// short and must not block; Tuned comes from SetTuning's caller. None may call the engine back.
type Recorder interface {
	// Prefilled: a request's prompt is in the cache, compressed, and its first token is chosen.
	Prefilled(Prefill)
	// Token: a token was sent. Gap is the time since the request's previous one; for the first, since its submission.
	Token(first bool, gapSeconds float64)
	// Stepped: all running sequences advanced by one token.
	Stepped(Step)
	// Finished: a request ended, for whatever reason, admitted or not.
	Finished(Finished)
	// Load: the pool or the queue changed.
	Load(Load)
	// Tuned: another retention is in force.
	Tuned(control.Ack)
	// Panicked: a panic was contained.
	Panicked()
}

// Prefill is one request's way into the cache.
type Prefill struct {
	Usage            Usage
	LayerBudgets     []int // visual tokens kept in each layer; nil where nothing was scored
	EliteRows        []int // rows of each layer's observation window; nil where nothing was scored
	TextTokens       int
	BytesFreed       int64 // by compression
	MinRecallApplied float64
}

// Step is one decode step.
type Step struct {
	Seconds  float64
	KVTokens float64 // cached tokens read, per layer: the sum over the batch of the mean over the layers
	Batch    int
}

// Finished is the end of one request.
type Finished struct {
	Reason        FinishReason
	Usage         Usage
	TotalSeconds  float64 // since the submission
	DecodeSeconds float64 // since the first token; 0 if there was none
}

// Load is the state of pool and queue at one moment.
type Load struct {
	Running, Waiting        int   // preempted requests wait
	Preempted               int   // requests whose caches are in host memory
	PagesUsed, PagesFree    int   // pages that hold something now
	PagesCached             int   // that hold prompts for others to come: they count as free
	BytesOffloaded          int64 // of prompts that were moved to host memory
	PagesReserved           int   // promised to running requests, used or not yet
	PagesWanted             int   // what the waiting requests will hold once compressed at the present retention
	BytesUsed, BytesTotal   int64 // of pages
	BytesReserved           int64
	UsageRatio, DemandRatio float64 // DemandRatio: 1 while a request waits for pages, else UsageRatio: who waits for compute needs no pages yet
	BlockedOnMemory         bool    // the first waiting request waits for pages
	RowsCached, SlotsWasted int     // rows in used pages, and their empty slots, over all layers
}

// Discard records nothing.
type Discard struct{}

func (Discard) Prefilled(Prefill)   {}
func (Discard) Token(bool, float64) {}
func (Discard) Stepped(Step)        {}
func (Discard) Finished(Finished)   {}
func (Discard) Load(Load)           {}
func (Discard) Tuned(control.Ack)   {}
func (Discard) Panicked()           {}
