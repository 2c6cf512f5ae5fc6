// Package engine serves requests on one device: it admits them, prefills and compresses their prompts, and decodes all
// running answers together.
//
// One goroutine owns the device. Each of its turns does, in this order:
//
//	sweep    requests whose caller is gone, or has read enough, give their pages back
//	admit    at most one waiting request: picture, prefill with scores and compaction after each layer, first token
//	decode   one token for every running sequence
//
// So a burst of prompts never stops the running answers for longer than one prefill, and a running answer never stops the
// queue. The queue is strict first in, first out: a long prompt is never overtaken, hence never starved.
//
// # Memory
//
// A request is admitted when the pages that its prompt passes through, and those of the longest answer it may give, can be
// promised. What can never fit is refused by Submit with a [LimitError]; what does not fit now waits; a full queue answers
// [ErrQueueFull]. A lower retention promises less (package kv has the figures): more answers run at once, and longer prompts
// fit. Since promises cover the worst case, no running request is ever preempted. A request that fits only at the retention
// under which it was submitted keeps that one, should a higher one come before it is admitted.
//
// # Studies
//
// A [Study] answers one prompt under many policies and retentions, on the same model but without the loop: for evaluation.
//
// # Failures
//
// An error or a panic in one request's work ends that request with FinishError, and its pages are free; the others go on. A
// decode step that fails as a whole is repeated sequence by sequence, so that only the guilty one ends.
package engine
