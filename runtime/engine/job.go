package engine

import (
	"context"
	"slices"
	"time"

	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/kv"
	"aircache.dev/aircache/runtime/sampling"
)

// job is a request on its way through the engine.
type job struct {
	handle  *Handle
	request Request
	ctx     context.Context
	unwatch func() bool // stops waking the engine when ctx ends

	prompt    compress.Prompt
	span      int     // logical positions that the prompt takes
	observe   []int32 // rows whose queries the policy wants to see
	whole     string  // why the policy leaves the prompt as it is; empty: it is compressed
	maxTokens int
	permille  int     // the retention in force when it was submitted: the request fits at this one
	other     int     // the retention of the arm that it is not in; 0: no value is on trial
	tenant    *tenant // whose it is, once it is queued
	promised  int     // tokens of the answer that have pages promised
	risked    int64   // host memory that it takes at most when it is preempted; 0: it never is
	away      *away   // its cache, while it is preempted
	admitted  bool
	unpaid    int    // tokens of work that it was not charged for yet
	arrival   uint64 // its number among all that were queued
	pictures  []pictureKey
	said      []int32 // its answer, where the next turn may go on with its cache
	blocks    []block // that the prompt can share with others; none: it is not cached

	submitted, firstToken, lastToken time.Time

	sequence *kv.Sequence
	promise  *kv.Promise
	sampler  *sampling.Sampler
	usage    Usage

	slot    int32              // of the device's memory, where its last token stays
	next    int32              // the last token that has landed
	pending int                // tokens in flight
	drawn   []sampling.Draw    // and how they are chosen
	again   []sampling.Draw    // draws of tokens that did not come: the next ones
	copy    *kv.Sequence       // what the device keeps of the prompt, until it is known
	telling chan compress.Plan // of a prompt that is reported later
	report  Prefill
	seat    int // its row, from 1, in the step that is landing
	ended   bool
}

// ending is how a job ends; the zero value is that it goes on.
type ending struct {
	reason FinishReason
	cause  error // with FinishError
}

func (e ending) yes() bool { return e.reason != "" }

func failed(cause error) ending { return ending{FinishError, cause} }

// leaving is how a job ends before its answer does, if its caller wants it to.
func (j *job) leaving() ending {
	switch {
	case j.ctx.Err() != nil:
		return ending{reason: FinishAbort}
	case j.handle.halted.Load():
		return ending{reason: FinishStop}
	}
	return ending{}
}

func (j *job) usageNow() *Usage {
	u := j.usage
	return &u
}

func (j *job) ends(token int32, eos []int32) bool {
	return slices.Contains(eos, token) || slices.Contains(j.request.StopIDs, token)
}

// answerRows is how many rows a prompt's answer adds to the cache: its last token is never fed back.
func answerRows(maxTokens int) int { return maxTokens - 1 }
