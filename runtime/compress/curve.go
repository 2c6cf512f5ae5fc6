package compress

import "math"

// CurvePercents are the retentions at which the recall of every request is told.
var CurvePercents = [...]int{1, 2, 5, 10, 20, 35, 50}

// Recall of the layers at one retention.
type Recall struct {
	Permille  int
	Mean, Min float64
}

// RecallAt is what the budgets of a quota would keep of each layer's scores.
//
//	two layers with scores 8 1 1 and 4 3 3, one row kept in each   ->  .8 and .4: mean .6, least .4
func RecallAt(p Policy, layers []Ranking, q Quota) Recall {
	if len(layers) == 0 {
		return Recall{Permille: q.Permille, Mean: 1, Min: 1}
	}
	return recallOf(layers, Budgets(p, layers, q), q.Permille)
}

// Curve is the recall at each of CurvePercents. It costs one Budgets a point: the rows are sorted already.
func Curve(p Policy, layers []Ranking, q Quota) []Recall {
	curve := make([]Recall, len(CurvePercents))
	for i, percent := range CurvePercents {
		q.Permille = percent * Everything / 100
		curve[i] = RecallAt(p, layers, q)
	}
	return curve
}

func recallOf(layers []Ranking, budgets []int, permille int) Recall {
	r := Recall{Permille: permille, Min: math.Inf(1)}
	for l, layer := range layers {
		x := layer.Recall(budgets[l])
		r.Mean += x / float64(len(layers))
		r.Min = math.Min(r.Min, x)
	}
	r.Mean = math.Min(r.Mean, 1) // a sum of parts may end a bit over the whole
	return r
}
