// Package bench measures what a model takes on a device, in time and memory, beside what it must take at least.
//
//	work.go      bytes and floating-point operations, counted from a model's widths
//	ceilings.go  what a device can do at most, and the floor of a time that follows
//	bench.go     a model on a device, a clock, and how often to repeat
//	decode.go    steps over caches of given lengths: full and compressed, ragged and uniform
//	prefill.go   prompts          vision.go    pictures          compress.go  the compression of one prompt
//	capacity.go  sequences that a pool of pages holds             serve.go     requests that arrive at random, memory before and after
//	report.go    figures as JSON, and the peers' beside them      chart/       tables and pictures of them
//
// Weights, tokens, pictures and cached rows are random, never zeros: a device can be faster on zeros. Cached rows of decode
// steps and compressions are random numbers written straight into pages: what a step takes depends on how many rows it reads, not on which.
// Every time is the median of several, after warm-up, from a device that is idle to one that is idle again.
package bench
