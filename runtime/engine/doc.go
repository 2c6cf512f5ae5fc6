// Package engine serves requests on one device: it admits them, prefills and compresses their prompts, and decodes all
// running answers together.
//
// One goroutine owns the device. Each of its turns does, in this order:
//
//	sweep    requests whose caller is gone, or has read enough, give their pages back
//	admit    at most one waiting request: picture, prefill, scores, compaction, first token
//	decode   one token for every running sequence
//
// So a burst of prompts never stops the running answers for longer than one prefill, and a running answer never stops the
// queue. The queue is strict first in, first out: a long prompt is never overtaken, hence never starved.
//
// # Memory
//
// A request is admitted when the pages of its whole prompt, and of the longest answer it may give, can be promised. What can
// never fit is refused by Submit with a [LimitError]; what does not fit now waits; a full queue answers [ErrQueueFull].
// Compression shrinks the promise to the kept rows and the answer (package kv has the figures): a lower retention lets more
// answers run at once. Since promises cover the worst case, no running request is ever preempted.
//
// # Failures
//
// An error or a panic in one request's work ends that request with FinishError, and its pages are free; the others go on. A
// decode step that fails as a whole is repeated sequence by sequence, so that only the guilty one ends.
package engine
