package compress

// SnapKV keeps what the last rows of the prompt attend to, smoothed along the sequence.
type SnapKV struct{}

const (
	snapRows = 32 // rows that look back
	snapPool = 5  // rows that share their scores
)

func (SnapKV) Name() string                            { return "SnapKV" }
func (SnapKV) Share(seen []Ranking, q Quota) []float64 { return q.uniform(len(seen)) }

func (SnapKV) Observes(p Prompt) ([]int32, string) {
	all := p.All()
	return all[max(0, len(all)-snapRows):], p.tooSmall()
}

func (SnapKV) Rank(p Prompt, _ int, s Scorer) (Ranking, error) {
	weights := make([]float32, min(p.Rows, snapRows))
	for i := range weights {
		weights[i] = 1 / float32(len(weights))
	}
	columns, err := s.Columns(weights)
	if err != nil {
		return Ranking{}, err
	}
	scores, err := p.visualOf(pool(columns, snapPool))
	if err != nil {
		return Ranking{}, err
	}
	return Rank(scores)
}

// pool is the mean over a window of neighbours; beyond the ends there are zeros.
//
//	5 0 0 10 0, window 5   ->  1 3 3 2 2
func pool(x []float32, window int) []float32 {
	out := make([]float32, len(x))
	for i := range x {
		for j := max(0, i-window/2); j <= min(len(x)-1, i+window/2); j++ {
			out[i] += x[j]
		}
		out[i] /= float32(window)
	}
	return out
}

// PyramidKV ranks as SnapKV and gives the first layers most. It is known to hurt models that look at pictures.
type PyramidKV struct{ SnapKV }

func (PyramidKV) Name() string { return "PyramidKV" }

func (PyramidKV) Share(seen []Ranking, q Quota) []float64 {
	return q.fill(weights(seen, Pyramid, q))
}
