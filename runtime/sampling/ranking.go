package sampling

// candidate is a token with its logit, or later its probability.
type candidate struct {
	token int32
	value float64
}

// before orders candidates best first; of two equal ones the lower id comes first, so that ties have one answer.
func (c candidate) before(o candidate) bool {
	return c.value > o.value || c.value == o.value && c.token < o.token
}

// ranking is a heap over the candidates: building it costs one pass, and only what is asked for is sorted. A nucleus has a
// few dozen tokens, a vocabulary 150,000.
type ranking struct{ heap []candidate }

func newRanking(candidates []candidate) *ranking {
	r := &ranking{heap: candidates}
	for i := len(candidates)/2 - 1; i >= 0; i-- {
		r.sink(i)
	}
	return r
}

func (r *ranking) len() int { return len(r.heap) }

// pop moves the best candidate behind the heap's end and returns it.
func (r *ranking) pop() candidate {
	last := len(r.heap) - 1
	r.heap[0], r.heap[last] = r.heap[last], r.heap[0]
	best := r.heap[last]
	r.heap = r.heap[:last]
	r.sink(0)
	return best
}

// popUntil pops at most n candidates, best first, and stops when their values reach a sum.
func (r *ranking) popUntil(n int, sum float64) (popped []candidate, reached float64) {
	for len(popped) < n && reached < sum && r.len() > 0 {
		c := r.pop()
		popped = append(popped, c)
		reached += c.value
	}
	return popped, reached
}

func (r *ranking) sink(i int) {
	for {
		child := 2*i + 1
		if child >= len(r.heap) {
			return
		}
		if right := child + 1; right < len(r.heap) && r.heap[right].before(r.heap[child]) {
			child = right
		}
		if !r.heap[child].before(r.heap[i]) {
			return
		}
		r.heap[i], r.heap[child] = r.heap[child], r.heap[i]
		i = child
	}
}
