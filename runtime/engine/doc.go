// Package engine serves requests on one device: it admits them, prefills and compresses their prompts, and decodes all
// running answers together.
//
// One goroutine owns the device. Each of its turns does, in this order:
//
//	sweep    requests whose caller is gone, or has read enough, give their pages back
//	fill     a chunk of the one prompt that is on its way, or of the first waiting request's: pictures, layers, scores and
//	         compaction after each layer, first token
//	decode   one token for every running sequence
//
// So prompts never stop the running answers for longer than a chunk, and a running answer never stops the queue. The queue is fair
// between tenants by the tokens that were worked on for each (fair.go), and first in, first out within one. Whose turn it is keeps the
// turn until its pages can be promised: a long prompt is never overtaken then, hence never starved. A full queue takes a request
// of a tenant that has fewer waiting than another, whose latest one makes room.
//
// # Chunks
//
// A chunk is [Options.PrefillChunk] tokens through all layers, as work: it is done as all rows of some layers, not as some rows
// of all layers. A layer that has all rows of the prompt is scored and compacted, and its pages serve the next one, so chunks
// change nothing of what a prompt holds at most (what it keeps and one whole layer; by rows first it would hold all layers whole
// until its last chunk). The price is the residual stream of the whole prompt in the device's memory: 58 MB for 8,192 tokens of
// LLaVA-OneVision-7B. Only a layer that alone is more work than a chunk is cut by rows; its queries of the observed rows are
// collected until it is complete. One layer of 8,192 tokens takes that model about 7 ms on an H100.
//
// # Compression by the device
//
// Where the model is a [Compressor] that knows the policy's options, no layer is looked at by the host: the prompt ends whole in
// all layers, the device scores it and copies what stays to fresh pages in one go, and the host reads how much that is when it
// reads the first token. Then the request joins the running ones. Such a prompt needs the pages of all its layers and those of
// the copy; one that the pool can hold through the cascade alone takes that way.
//
// # Steps ahead
//
// On a device that works beside the host (model.Config.Asynchronous) step n+1 is formed and launched before the tokens of step n
// are read: its rows are fed from the device's slots, where the tokens of step n fall. So the device never waits for the host.
// An answer whose end token shows up in step n has a row in step n+1, which counts for nobody; ends by length are known before.
// All work is done by the device in the order in which it was given, so the pages and the slot of a sequence that has ended can
// be given away while a step that still writes there is on its way. Where the host must see a step before the next one can be
// formed, it waits: a penalty depends on the tokens before, and a shadow's logits are overwritten by the next step.
//
// # Memory
//
// A request is admitted when the pages that its prompt passes through, and those of the longest answer it may give, can be
// promised. What can never fit is refused by Submit with a [LimitError]; what does not fit now waits; a full queue answers
// [ErrQueueFull], and after how long so many requests have left it of late ([QueueFullError]). A lower retention promises less (package kv has the figures): more answers run at once, and longer prompts
// fit. Since promises cover the worst case, no running request is ever preempted, unless [Options.Swap] lets requests be admitted before
// their whole answers fit: then the one admitted last goes to host memory when pages run out, once at most (swap.go). A request that fits only at the retention
// under which it was submitted keeps that one, should a higher one come before it is admitted.
//
// # Prompts that begin alike
//
// With [Options.PrefixCache] the whole rows of a prompt, in all layers, are kept in free pages: each layer's are copied after it has run
// and before it is compacted. A prompt that begins with the same text and pictures, of the same tenant, copies them into its own
// pages just before a layer runs, and only its other rows go through the vision tower and the decoder. So:
//
//   - A kept block's pages belong to the cache and are never compacted; what a request keeps of its own copy is its own affair.
//   - Kept blocks are no load. Pages that a request needs are taken from them at once, the oldest first (package kv), and a prefix
//     whose pages cannot be promised until the prompt has copied them is computed again. No request waits for the cache.
//   - Answers are the same to the last bit whether a prefix was found or not. Blocks end where only what is before decides (behind
//     each picture, and every 1024 rows of text behind the last end), a prompt's units never reach across such an end, and a picture
//     goes through the tower by itself: rows behind a block are computed by the same calls with the same shapes either way.
//   - Rows whose queries the policy wants to see are computed, so policies that look at rows of a picture itself (H2O) or at rows
//     before it (a picture that ends its prompt) find less, or nothing.
//   - A block is published when the device has reported the prompt's first token, never of a prompt that failed.
//
// Blocks whose pages are needed can move to host memory instead of being forgotten (PrefixCache.OffloadBytes), and come back.
//
// With PrefixCache.Keep a finished request leaves its own, compressed cache too, for the next turn of the same conversation and nobody
// else (keep.go says when exactly). That is no prefix cache: the turn sees what was kept for the first question.
//
// The rows that the vision tower made of pictures can be kept too, in host memory: they outlive the blocks.
//
// The copies cost what compaction costs: 590 KB a layer and picture of aircache-tiny on the CPU. A request that keeps its whole
// prompt (retention 1000) has its own copy as well; pages are not shared between requests.
//
// # Studies
//
// A [Study] answers one prompt under many policies and retentions, on the same model but without the loop: for evaluation.
//
// # Failures
//
// An error or a panic in one request's work ends that request with FinishError, and its pages are free; the others go on. A
// decode step that fails as a whole, when it is launched or when it is read, is repeated sequence by sequence with the same
// draws, and so are those launched after it: only the guilty one ends. Where the device itself is lost
// (backend.ErrDeviceLost) all requests end, and Run returns.
package engine
