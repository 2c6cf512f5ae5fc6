// Package backend says what a device must offer to run the models: memory, about ten coarse operations, and a paged
// key/value cache that can be scored and compacted.
//
// # Shapes
//
// A [Tensor] is a row-major matrix, one row a token (or a patch), of the backend's own [Precision] or of float32. Linear weights
// are [out, in], as Hugging Face stores them. A fused projection qkv is [rows, (Query + 2*KV) * Dim]: all query heads, then all key heads, then all value heads.
//
// A page holds [PageTokens] tokens of one layer: keys and values of every KV head. Each layer of a sequence has its own page
// list and its own length, because eviction keeps a different number of tokens in each. Row r of a layer lies in page
// Pages[r/PageTokens], slot r%PageTokens. The logical position (RoPE) is kept apart: keys are rotated once and never again.
//
// # Steps
//
// What the device must know of a step (tokens, positions, tables, lengths, how to draw) is staged once, as a [Batch]; the ops of
// the step refer to it. A decode step is one Capture: tokens in, tokens out, and a device may record and replay it. The chosen
// tokens stay in slots of the device, from which the next step is embedded, so a host can launch it before it has read them.
//
//	Stage [32 sequences of 1 row] -> Embed, Angles -> layers: .. Append .. Attend .. -> Linear [32, vocab] -> Sample; later Sampled
//
// Everything is done in the order in which it was given: a page may be given away while work that uses it is on its way.
//
// # Errors
//
// Models call a backend through [Check], which tests every shape, row and page before the device sees it. The first error
// sticks: later calls do nothing until Sync reports it.
package backend
