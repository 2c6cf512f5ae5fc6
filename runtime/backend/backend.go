package backend

import "errors"

// ErrDeviceLost is what a backend's errors wrap once its device has failed for good: nothing runs on it again in this process.
var ErrDeviceLost = errors.New("the device is lost")

// Backend is a device that runs models. It belongs to one goroutine at a time.
type Backend interface {
	Memory
	Math
	Steps
	Attention
	Sampler
	Cache
	Scorer

	Name() string // for logs and metrics, such as "cpu (openblas 0.3.21)"
	// Asynchronous: ops are only queued, so it pays to form the next step while the device works on this one.
	Asynchronous() bool
	Sync() error // waits for the work given so far and returns its first error
	Close() error
}

// Memory moves rows between the host and the device.
type Memory interface {
	Alloc(rows, cols int, p Precision) (Tensor, error) // zeroed
	// Free gives memory back behind the work given so far, which may still use it.
	Free(t Tensor)
	// Write converts to the tensor's own precision.
	Write(dst Tensor, src []float32)
	// Load brings rows as a checkpoint has them, little-endian, in one step.
	Load(dst Tensor, raw []byte, from DType)
	// Read waits for the work given so far.
	Read(dst []float32, src Tensor)
}

// Math is what the graphs compute, in coarse steps. Lists of rows, as all of the host's memory but what Stage is given, are read
// before an op returns.
type Math interface {
	// Gather: dst[i] = src[rows[i]], its first dst.Cols columns.
	Gather(dst, src Tensor, rows []int32)
	// Scatter: dst[rows[i]] = src[i]. The rows differ from each other.
	Scatter(dst, src Tensor, rows []int32)
	// Blend: dst[i] = sum over t of shares[i*n+t] * src[rows[i*n+t]], where n = len(rows) / dst.Rows (4 to scale pictures down).
	Blend(dst, src Tensor, rows []int32, shares []float32)
	// Add: dst += x, where x repeats downwards (one table of positions under several pictures).
	Add(dst, x Tensor)
	// LayerNorm: dst = (x - mean) / sqrt(variance + eps) * weight + bias, per row.
	LayerNorm(dst, x, weight, bias Tensor, eps float32)
	// RMSNorm: dst = x / sqrt(mean(x^2) + eps) * weight, per row.
	RMSNorm(dst, x, weight Tensor, eps float32)
	// Linear: dst = x w^T + bias; with add, dst += x w^T + bias. w is [out, in]; bias may be none. dst may be Exact (logits).
	Linear(dst, x, w, bias Tensor, add bool)
	// Activate applies f to every value.
	Activate(x Tensor, f Activation)
	// GatedSiLU: dst = silu(x[:, :n]) * x[:, n:], with n = dst.Cols.
	GatedSiLU(dst, x Tensor)
	// NormHeads normalises queries and keys of qkv as RMSNorm, in place; values stay. Weights of Dim values: head by head; of all
	// heads' values: over all query heads at once, and over all key heads.
	NormHeads(qkv, query, key Tensor, eps float32, h Heads)
	// Turn turns queries and keys of qkv by angles, in place, as Append does: values stay. Angles are Exact [rows, Dim].
	Turn(qkv, angles Tensor, h Heads)
	// Mix is attention of every row to every row of its own sequence; qkv.Rows is a multiple of sequences.
	Mix(dst, qkv Tensor, sequences int, h Heads)
}

// Cache holds keys and values in pages. All pages have one size, set by Reserve.
type Cache interface {
	// PageBytes is the memory of one page.
	PageBytes(h Heads) int
	// Reserve replaces the page pool. The error names the bytes; after it the old pool stands.
	Reserve(p Pool) error
	// Keep copies the given rows (ascending) of src into the pages dst, keys as they are: one list of rows for all KV heads, or
	// one for each, all equally long. dst may be src's own leading pages.
	Keep(src LayerKV, rows [][]int32, dst []int32)
	// ReadPages brings whole pages to the host as they lie in the device's memory: PageBytes of each. It waits for the work given so
	// far. WritePages brings the same bytes to any pages, which then hold the same rows to the bit; src is read before it returns.
	ReadPages(dst []byte, pages []int32)
	WritePages(pages []int32, src []byte)
}

// Pool is the size of a page pool, and of what steps over it need besides.
type Pool struct {
	Pages     int
	Heads     Heads
	Layers    int // tables of a sequence
	Sequences int // in one step at most
	Rows      int // of one layer of a sequence at most
}

// Scorer recomputes the few attention rows that eviction looks at. Results are complete on return. q's row i stands at cache
// row rows[i].
type Scorer interface {
	// Relevance: dst[j] = mean over heads of softmax over rows j of q[last] . K[rows[j]] / sqrt(Dim).
	Relevance(dst []float32, q Tensor, kv LayerKV, rows []int32, h Heads)
	// Importance: dst[v] = mean over elites e (as they count) and heads of the softmax weight of visual row v among all visual rows and
	// the elites up to e. Elites index q's rows. ByHead: dst is [KV, visual], the means over each group of heads.
	Importance(dst []float32, q Tensor, kv LayerKV, w Window, h Heads)
	// Columns: dst[j] = sum over i of weights[i] times the mean over heads of the softmax weight of cache row j among rows
	// 0..rows[i]. dst has a value for every cache row.
	Columns(dst []float32, q Tensor, kv LayerKV, rows Weighted, h Heads)
	// Density: dst[i] = mean over heads of the share of rows 0..rows[i] whose softmax weight for q's row i is at least bar
	// times the highest.
	Density(dst []float32, q Tensor, kv LayerKV, rows []int32, bar float32, h Heads)
	// ReadRows brings cached rows to the host: [len(rows), KV*Dim] keys and values each.
	ReadRows(keys, values []float32, kv LayerKV, rows []int32)
}

// Weighted are query rows and what each counts.
type Weighted struct {
	Rows    []int32   // cache row of every saved query, ascending
	Weights []float32 // of the same length
}

// Window says which cache rows a score weighs (Visual) and which query rows it asks (Elite, indices into Rows).
type Window struct {
	Rows   []int32   // cache row of every saved query
	Elite  []int     // ascending
	Counts []float32 // what each elite row counts, 1 in all; nil: all the same
	Visual []int32   // ascending
	ByHead bool      // a result for each KV head
}

// Heads is the shape of an attention: the query heads share the KV heads in equal groups.
type Heads struct{ Query, KV, Dim int }

// Width is the number of columns of a fused qkv row.
func (h Heads) Width() int { return (h.Query + 2*h.KV) * h.Dim }

// PageValues is the number of float values in a page.
func (h Heads) PageValues() int { return 2 * PageTokens * h.KV * h.Dim }

// Activation names a function of one value.
type Activation int

const (
	GELU      Activation = iota // exact, with the error function
	GELUTanh                    // its tanh approximation
	QuickGELU                   // x * sigmoid(1.702 x): CLIP's
)
