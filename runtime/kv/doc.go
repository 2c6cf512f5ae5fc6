// Package kv keeps the books of the key/value cache: which pages are free, which rows of which sequence lie where, and how
// many pages are promised. It is pure bookkeeping; the bytes themselves are the backend's.
//
// # Pages
//
// A page holds a fixed number of tokens (16) of one layer. There is one pool for all layers and sequences, so no memory is
// lost to fragmentation. A [Sequence] has one table per layer, because compression keeps a different number of tokens in each
// layer; its logical position is kept apart from these lengths.
//
// The answer goes on in the page that the compressed prompt ends in. With a table for the prompt that never changes and another
// for the answer each layer would end in two half-empty pages. Empty slots among those of used pages, 28 layers, budgets that
// differ by half, 64 text tokens, answers of up to 256 (TestWasteAtRealisticSizes):
//
//	visual tokens   kept    one table   two tables
//	         2048   10 %       1.58 %       3.07 %
//	         8192   10 %       0.70 %       1.39 %
//	        32768   10 %       0.21 %       0.42 %
//	          729   all        0.75 %       1.45 %
//
// A prompt's table that never changes would pay where requests share it, but what is kept depends on the question. Its other
// use, that a device which has seen a table need only be told what is new, is the Version's: as long as it stays, pages are
// only added behind.
//
// What a device spreads over the layers by itself goes into spare pages, layer after layer; the tables are made when the host knows
// how many rows each layer keeps ([Sequence.Adopt]).
//
// # Promises
//
// Pages are taken when rows are written, but promised when a request is admitted: what its prompt passes through at most, and
// the longest answer it may give. A prompt is compressed layer by layer while it is prefilled: a layer's pages are taken just
// before it runs, and those of evicted rows are free right after it, so the most that a prompt holds is what is kept and one
// whole layer. Then the promise shrinks to what the kept rows and the answer need. So a running request never finds the pool
// empty, nothing is preempted and nothing can deadlock (an engine may promise less of an answer, and extend the promise
// as it goes: package engine, Swap); the price is that an answer which ends early has held pages that
// nobody used. Used and promised pages are therefore reported apart.
//
// An example with 8 layers, 576 visual and 44 text tokens, 32 new tokens (31 of them cached: the last one is never fed back):
//
//	whole         620 rows and 31 = 41 pages a layer           41*8 = 328 pages
//	10 % kept     461 of 4608 visual rows, however they are spread over the layers:
//	prefill       7 layers: (7*(44+15) + 461+7)/16 = 55        and 39 for the whole one = 94
//	answer        8 layers: (8*(44+31+15) + 461)/16            = 73
//	admission     the larger: 94 pages, 3.5 times less than whole
//	58 rows each  44 + 58 + 31 = 133 rows = 9 pages a layer    9*8 =  72 pages, so 4.6 times as many sequences fit
//
// # Cached prompts
//
// [Prefixes] keeps whole rows of prompts in free pages, for prompts that begin alike: a tree of blocks, each named by a hash of all that
// is before its end. Requests copy from a block and never have its pages, so no compaction can reach them. When the pool has no free
// page left it takes those of the block that was used longest ago, among those that nobody reads and none continues. Therefore
// promises hold as they did: free pages and idle ones together are at least what is promised and not yet taken, since the pages of
// blocks that are read are promised too.
//
//	pool  =  pages of sequences  +  blocks that are read (promised)  +  idle blocks  +  free
package kv
