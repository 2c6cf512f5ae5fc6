package compress

import "slices"

// Shown is the visual rows that show a part of a picture: all but the padding. A prompt of nothing but padding shows it all, for
// something must be ranked.
func (p Prompt) Shown() []int32 {
	if len(p.Padding) == 0 || len(p.Padding) == len(p.Visual) {
		return p.Visual
	}
	shown := make([]int32, 0, len(p.Visual)-len(p.Padding))
	for _, row := range p.Visual {
		if _, isPadding := slices.BinarySearch(p.Padding, row); !isPadding {
			shown = append(shown, row)
		}
	}
	return shown
}

// RankLayer lets a policy rank the rows that show a part of the picture, and puts the padding behind them: at any retention under
// 1000 it goes first (1.4 of the design). The policy never sees the padding, so it draws no attention from the picture, and counts
// neither in the layer's strength and skewness nor in the recall. The scorer's visual rows are p.Shown.
//
//	rows 5 6 7 8, padding 6, scores .1 .4 .2 of the others   ->  7 8 5 6, and recall .4/.7, .6/.7, 1, 1
//
// Where a layer may keep more rows than are shown, it keeps padding, the first of it.
func RankLayer(policy Policy, p Prompt, layer int, s Scorer) (Ranking, error) {
	shown := p.Shown()
	if len(shown) == len(p.Visual) {
		return policy.Rank(p, layer, s)
	}
	whole := p.Visual
	p.Visual, p.Padding = shown, nil
	r, err := policy.Rank(p, layer, s)
	if err != nil {
		return Ranking{}, err
	}
	return r.within(whole, shown), nil
}

// within is a ranking of some rows as one of all rows, those that are not ranked last in ascending order and without a score. Both
// lists ascend.
func (r Ranking) within(all, some []int32) Ranking {
	at := make([]int32, 0, len(some)) // where the ranked rows lie among all
	var others []int32
	for i, row := range all {
		if next := len(at); next < len(some) && row == some[next] {
			at = append(at, int32(i))
		} else {
			others = append(others, int32(i))
		}
	}
	orders := make([][]int32, len(r.orders))
	for h, order := range r.orders {
		for _, v := range order {
			orders[h] = append(orders[h], at[v])
		}
		orders[h] = append(orders[h], others...)
	}
	prefix := slices.Clone(r.prefix)
	r.orders, r.prefix = orders, append(prefix, slices.Repeat(prefix[len(prefix)-1:], len(others))...)
	return r
}
