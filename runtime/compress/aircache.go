package compress

import "fmt"

// AirCache keeps the visual rows that the elite text rows attend to.
type AirCache struct{ Options Options }

func (AirCache) Name() string { return "AirCache" }

// Observes is all candidates, also at a retention of 1000: the recall curve tells what a lower one would cost.
func (AirCache) Observes(p Prompt) ([]int32, string) { return p.Observe, p.unobserved() }

// Rank takes the importance for the score, and lets neighbours share it where rows are ordered: what a layer gets and what the
// recall tells go by the importance itself.
func (a AirCache) Rank(p Prompt, _ int, s Scorer) (Ranking, error) {
	window, err := a.window(len(p.Observe), s)
	if err != nil {
		return Ranking{}, fmt.Errorf("choosing the observation window: %w", err)
	}
	heads, err := a.importance(p, window, s)
	if err != nil {
		return Ranking{}, err
	}
	return a.order(p, heads, len(window))
}

// order lets neighbours share the importance.
func (a AirCache) order(p Prompt, heads [][]float32, elite int) (Ranking, error) {
	order := make([][]float32, len(heads))
	for h, scores := range heads {
		order[h] = shareWithNeighbours(scores, p.Visual, a.Options.Pool)
	}
	r, err := rankHeadsBy(order, heads)
	r.Elite = elite
	return r, err
}

func (a AirCache) Share(seen []Ranking, q Quota) []float64 {
	return q.fill(weights(seen, a.Options.LayerBudget, q))
}

// window is the rows that look at the picture, as indices of the candidates.
func (a AirCache) window(candidates int, s Scorer) ([]int, error) {
	first := 0
	switch a.Options.Window {
	case Last16:
		first = max(0, candidates-16)
	case Last32:
		first = max(0, candidates-32)
	case AllText:
	default:
		relevance, err := s.Relevance()
		if err != nil {
			return nil, err
		}
		return Window(relevance, a.Options)
	}
	return span(first, candidates), nil
}

// importance is one list of scores, or one for each KV head.
func (a AirCache) importance(p Prompt, window []int, s Scorer) ([][]float32, error) {
	counts, err := a.counts(p, window, s)
	if err != nil {
		return nil, fmt.Errorf("weighing the observation window: %w", err)
	}
	scores, err := s.Importance(window, counts, a.Options.Granularity == ByKVHead)
	if err != nil {
		return nil, err
	}
	heads, err := split(scores, len(p.Visual))
	if err != nil || !a.Options.ValueNorm {
		return heads, err
	}
	rows, err := s.Rows()
	if err != nil {
		return nil, fmt.Errorf("reading the values: %w", err)
	}
	for h, scores := range heads {
		scaleByValue(scores, rows, h, len(heads))
	}
	return heads, nil
}

// counts is what the rows of the window count: nil where they count the same.
func (a AirCache) counts(p Prompt, window []int, s Scorer) ([]float32, error) {
	if a.Options.RowWeight != Received || len(window) == 1 {
		return nil, nil
	}
	sums, err := s.Columns(ones(len(p.Observe)))
	if err != nil {
		return nil, err
	}
	if err := checkScores(sums); err != nil {
		return nil, err
	}
	return received(sums, p.Observe, window), nil
}

// split cuts scores into lists of n, one for each head.
func split(scores []float32, n int) (heads [][]float32, err error) {
	if len(scores) == 0 || len(scores)%n != 0 {
		return nil, fmt.Errorf("scoring visual rows: got %d scores for %d rows", len(scores), n)
	}
	for ; len(scores) > 0; scores = scores[n:] {
		heads = append(heads, scores[:n])
	}
	return heads, nil
}
