package compress

import "fmt"

// AirCache keeps the visual rows that the elite text rows attend to.
type AirCache struct{ Options Options }

func (AirCache) Name() string { return "AirCache" }

// Observes is all candidates, also at a retention of 1000: the recall curve tells what a lower one would cost.
func (AirCache) Observes(p Prompt) ([]int32, string) { return p.Observe, p.unobserved() }

func (a AirCache) Rank(p Prompt, _ int, s Scorer) (Ranking, error) {
	window, err := a.window(len(p.Observe), s)
	if err != nil {
		return Ranking{}, fmt.Errorf("choosing the observation window: %w", err)
	}
	scores, err := s.Importance(window, a.Options.Granularity == ByKVHead)
	if err != nil {
		return Ranking{}, err
	}
	heads, err := split(scores, len(p.Visual))
	if err != nil {
		return Ranking{}, err
	}
	r, err := RankHeads(heads)
	r.Elite = len(window)
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
	rows := make([]int, candidates-first)
	for i := range rows {
		rows[i] = first + i
	}
	return rows, nil
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
