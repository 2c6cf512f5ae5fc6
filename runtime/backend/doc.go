// Package backend says what a device must offer to run the models: memory, about ten coarse operations, and a paged
// key/value cache that can be scored and compacted.
//
// # Shapes
//
// A [Tensor] is a row-major matrix of float32, one row a token (or a patch). Linear weights are [out, in], as Hugging Face
// stores them. A fused projection qkv is [rows, (Query + 2*KV) * Dim]: all query heads, then all key heads, then all value heads.
//
// A page holds [PageTokens] tokens of one layer: keys and values of every KV head. Each layer of a sequence has its own page
// list and its own length, because eviction keeps a different number of tokens in each. Row r of a layer lies in page
// Pages[r/PageTokens], slot r%PageTokens. The logical position (RoPE) is kept apart: keys are rotated once and never again.
//
// # Errors
//
// Models call a backend through [Check], which tests every shape, row and page before the device sees it. The first error
// sticks: later calls do nothing until Sync reports it.
package backend
