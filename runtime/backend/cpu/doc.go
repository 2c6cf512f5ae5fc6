// Package cpu runs the models on the host in float32: the reference for every other backend, and the demo's engine.
//
// Matrix products go to OpenBLAS where the machine has libopenblas.so.0 (opened at run time, no cgo), to the vector
// kernels of package simd otherwise and for one or two rows, where a call costs more than it saves; Name says which. OpenBLAS is held to one
// thread: a fixed pool of workers splits every product by rows or columns, so that the number of threads is ours and no idle BLAS
// thread spins between two steps.
//
// Attention of a prefill is, per query head and block of 128 rows, one product Q K^T, one causal softmax, one product P V over
// keys gathered from the pages. Attention of a decode step walks the pages of one sequence and head with a running softmax,
// so it needs no memory that grows with the sequence. A steady decode step allocates nothing.
//
// A page is [K or V][KV head][PageTokens][head dim]: the 16 rows that one head reads lie together.
package cpu
