package backend

// PageTokens is how many tokens of one layer a page holds (K and V, all KV heads).
const PageTokens = 16

// LayerKV is the cache of one sequence in one layer: Len rows lie in Pages, in order.
type LayerKV struct {
	Pages []int32
	Len   int // rows cached in this layer before the step
}

// KVView is the cache of one sequence as one step sees it.
type KVView struct {
	Position int       // logical position (RoPE) of the first new row
	Layers   []LayerKV // lengths may differ after eviction
	Version  uint64    // of the tables: views of one version differ in pages added behind only; 0: nothing is known
}

// Pages is how many pages hold a number of rows of one layer.
func Pages(rows int) int { return (rows + PageTokens - 1) / PageTokens }
