// Package plan tells before a model is loaded what it will take of a device's memory, and how many sequences fit beside it.
//
// LLaVA-OneVision-7B on an H100 (81,559 MiB), prompts of 32,768 tokens, 64 sequences in a step, in GB:
//
//	device       85.5
//	overhead      1.2   the driver's own, context, kernels, libraries
//	weights      16.1   8.03 G values of 2 bytes
//	activations   1.5   of the longest prompt, the widest step and the largest picture
//	spare         3.8   a sixteenth of the device, less what activations take of it
//	KV cache     62.9   the rest: 1.1 M tokens of 57,344 bytes (63.0 GB were measured)
//
// Nothing here knows a model's layers: the loader itself runs over a backend that only counts ([model.Measure]), and sequences
// are counted by the cache's own rules ([kv.Shape.Hold]).
package plan
