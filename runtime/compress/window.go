package compress

import (
	"cmp"
	"slices"
)

// Window chooses the elite rows of one layer among the candidates, given how much the last text row attends to each:
//
//	E = { j : p[j] >= alpha * max p }
//
// at least EliteMin and at most EliteMax of them, the most relevant ones; of equal ones the later, which has seen more. The
// result ascends.
//
//	p = .05 .50 .46 .44, alpha = .9   ->  the bar is .45, E = 1 2
func Window(relevance []float32, o Options) ([]int, error) {
	if err := checkScores(relevance); err != nil {
		return nil, err
	}
	order := make([]int, len(relevance))
	for j := range order {
		order[j] = j
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(relevance[b], relevance[a]), cmp.Compare(b, a))
	})
	size := 0
	for size < len(order) && float64(relevance[order[size]]) >= o.Alpha*float64(relevance[order[0]]) {
		size++
	}
	size = min(max(size, o.EliteMin), o.EliteMax, len(order))
	elite := order[:size]
	slices.Sort(elite)
	return elite, nil
}
