package backend

import "aircache.dev/aircache/runtime/sampling"

// Steps bring to the device, once, all that the ops of a step refer to.
type Steps interface {
	// Stage brings a step's tokens, positions, tables, lengths and draws. Ops may refer to a batch until the next Stage, so the
	// caller leaves s and what it points to as it is until then; steps of one bucket lie in the same device memory.
	Stage(s []Sequence) (Batch, error)
	// Bucket is the number of sequences that a decode step of n is filled up to, with sequences without layers.
	Bucket(n int) int
	// Capture runs record, or replays what it recorded the first time under this key. Ops inside take only tensors, weights and
	// the batch staged last, and are the same for a key.
	Capture(key string, record func())
}

// Attention is what the rows of a step do with the cache. A sequence without layers has no cache: Append passes it over, Attend
// leaves zeros.
type Attention interface {
	// Embed: dst[i] = table[token of row i]; a negative token is the last one sampled into that slot: see Slot.
	Embed(dst, table Tensor, b Batch)
	// Angles: dst[i] = cosines, then sines, of position(i) * inverse[0, j], the product rounded to float32 as in transformers.
	// dst is Exact [rows, Dim], inverse Exact [1, Dim/2].
	Angles(dst, inverse Tensor, b Batch)
	// Append turns queries (in place) and keys of qkv by angles, and writes keys and values behind the cached rows of each
	// sequence. Value i of a head pairs with value i + Dim/2.
	Append(qkv, angles Tensor, layer int, b Batch, h Heads)
	// Attend lets each new row see all cached rows of its sequence and the new ones up to itself. Append comes first. sums may be
	// none; else it becomes, for every row that has a cache, the natural logarithm of the sum of the exponentials of its scaled
	// scores: Exact [rows, Query].
	Attend(dst, sums, qkv Tensor, layer int, b Batch, h Heads)
}

// Sampler chooses tokens on the device.
type Sampler interface {
	// Sample chooses a token for each sequence of the batch, row i of logits (Exact) being the i-th's, and puts it into its slot:
	// 0 where there is none to choose.
	Sample(logits Tensor, b Batch)
	// Sampled waits for that Sample alone, not for what was given after it. The choices are one a sequence, valid, as the batch
	// is for this call, until the fourth Sample after its own. Token is sampling.NoToken where no softmax can use the logits.
	Sampled(b Batch) ([]sampling.Choice, error)
}

// Batch is a staged step.
type Batch interface{ Rows() int }

// BatchesAlive is how many of the batches sampled last can be asked for their choices.
const BatchesAlive = 4

// Slots is how many sequences can have their last token on the device.
const Slots = 4096

// Sequence is one sequence's part of a step: Rows consecutive new rows.
type Sequence struct {
	Rows   int
	Tokens []int32 // one a row; none where nothing is embedded
	Slot   int32   // where Sample puts the token, 0..Slots-1, or NoSlot
	Draw   sampling.Draw
	KV     KVView
}

// NoSlot keeps no token on the device.
const NoSlot = -1

// Slot is the token that stands for the last one sampled into a slot.
//
//	slot 0  ->  -1,   slot 5  ->  -6
func Slot(slot int32) int32 { return -1 - slot }
