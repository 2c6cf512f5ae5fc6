// Package kv keeps the books of the key/value cache: which pages are free, which rows of which sequence lie where, and how
// many pages are promised. It is pure bookkeeping; the bytes themselves are the backend's.
//
// # Pages
//
// A page holds a fixed number of tokens (16) of one layer. There is one pool for all layers and sequences, so no memory is
// lost to fragmentation. A [Sequence] has one table per layer, because compression keeps a different number of tokens in each
// layer; its logical position is kept apart from these lengths.
//
// # Promises
//
// Pages are taken when rows are written, but promised when a request is admitted: its whole prompt (the transient before
// compression) and the longest answer it may give. Compression shrinks the promise to what the compressed prompt and that
// answer need. So a running request never finds the pool empty, nothing is preempted and nothing can deadlock; the price is
// that an answer which ends early has held pages that nobody used. Used and promised pages are therefore reported apart.
//
// An example with 8 layers, 576 visual and 44 text tokens, 32 new tokens (31 of them cached: the last one is never fed back):
//
//	prompt        620 rows = 39 pages a layer                 39*8 = 312
//	admission     one more layer of 39 while copies are made  39*9 = 351 pages (651 rows uncompressed would take 328)
//	10 % kept     44 + 58 + 31 = 133 rows = 9 pages a layer    9*8 =  72 pages, so 4.6 times as many sequences fit
package kv
