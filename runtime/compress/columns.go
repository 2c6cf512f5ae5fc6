package compress

import "slices"

// H2O keeps heavy hitters (rows that all prompt rows together attend to) and recent rows, half and half.
type H2O struct{}

func (H2O) Name() string                            { return "H2O" }
func (H2O) Observes(p Prompt) ([]int32, string)     { return p.All(), p.tooSmall() }
func (H2O) Share(seen []Ranking, q Quota) []float64 { return q.uniform(len(seen)) }

func (H2O) Rank(p Prompt, _ int, s Scorer) (Ranking, error) {
	scores, err := columnSums(p, p.Rows, s)
	if err != nil {
		return Ranking{}, err
	}
	return rankInOrder(halfRecent(scores), scores)
}

// halfRecent orders rows such that the first k are the last floor(k/2) rows and the best of the others: in turn the best row
// and the next recent one, or, where that one is in already, again the best.
//
//	scores .1 .9 .2 .8   ->  1, 3 (recent), 2 (the best left), 0
func halfRecent(scores []float32) []int32 {
	best := bestFirst(scores)
	order, taken := make([]int32, 0, len(scores)), make([]bool, len(scores))
	take := func(row int32) bool {
		if taken[row] {
			return false
		}
		taken[row] = true
		order = append(order, row)
		return true
	}
	takeBest := func() {
		for len(best) > 0 && !take(best[0]) {
			best = best[1:]
		}
	}
	for recent := int32(len(scores)) - 1; len(order) < len(scores); recent-- {
		takeBest()
		if len(order) < len(scores) && !take(recent) {
			takeBest()
		}
	}
	return order
}

// PrefixKV ranks as H2O, and finds one share p of the attention mass that every layer keeps: sharp layers need few rows for it.
type PrefixKV struct{}

func (PrefixKV) Name() string                        { return "PrefixKV" }
func (PrefixKV) Observes(p Prompt) ([]int32, string) { return p.All(), p.tooSmall() }

func (PrefixKV) Rank(p Prompt, _ int, s Scorer) (Ranking, error) {
	scores, err := columnSums(p, p.Rows, s)
	if err != nil {
		return Ranking{}, err
	}
	return Rank(scores)
}

// Share finds p by bisection, such that the rows that carry it in each layer add up to the total. Between two rows it
// interpolates; beyond p = 1 come the rows without any mass.
//
//	8 1 1 and 4 3 3, three rows in all   ->  p = .7: .875 rows carry 7 of 10 (kMin makes 1 of it), 2 rows carry 7 of 10
func (PrefixKV) Share(seen []Ranking, q Quota) []float64 {
	sizes := func(p float64) ([]float64, float64) {
		k := make([]float64, len(seen))
		for l, r := range seen {
			k[l] = min(max(r.rowsFor(p), float64(q.Least())), float64(q.Visual))
		}
		sum := 0.0
		for _, x := range slices.Sorted(slices.Values(k)) {
			sum += x
		}
		return k, sum
	}
	total := float64(q.Total(len(seen)))
	low, high := solve(2, total, func(p float64) float64 { _, sum := sizes(p); return sum })
	fewer, below := sizes(low)
	shares, above := sizes(high)
	for l := range shares { // rows too weak to count in a sum all come at once: take a part of them
		if above > total && above > below {
			shares[l] = fewer[l] + (shares[l]-fewer[l])*(total-below)/(above-below)
		}
	}
	return shares
}

// rowsFor is how many of the best rows carry a share p of the scores; p from 1 to 2 goes on to the rows that carry nothing.
//
//	8 1 1   ->  p = .4: .5 rows    p = .85: 1.5 rows    p = 1: 3 rows
func (r Ranking) rowsFor(p float64) float64 {
	all := r.prefix[r.Len()]
	if all == 0 {
		return p / 2 * float64(r.Len())
	}
	k, _ := slices.BinarySearch(r.prefix, min(p, 1)*all)
	if k == 0 {
		return 0
	}
	below := r.prefix[k-1]
	rows := float64(k-1) + (min(p, 1)*all-below)/(r.prefix[k]-below)
	return rows + max(0, p-1)*(float64(r.Len())-rows)
}

// columnSums is what the observed rows together attend to each visual row.
func columnSums(p Prompt, observed int, s Scorer) ([]float32, error) {
	sums, err := s.Columns(slices.Repeat([]float32{1}, observed))
	if err != nil {
		return nil, err
	}
	return p.visualOf(sums)
}
