package compress

import "slices"

// Policy decides what a request keeps of its pictures, layer by layer: it orders a layer's visual rows, and shares the rows
// that may stay among the layers seen so far. The rest (sums, clips, ties, text) is the same for all policies.
type Policy interface {
	Name() string
	// Observes is the prompt rows whose queries the prefill saves for Rank (none: it looks at no query), or why the whole
	// prompt stays.
	Observes(p Prompt) (rows []int32, whole string)
	// Rank orders the visual rows of one layer. The error wraps ErrScores, or is the scorer's.
	Rank(p Prompt, layer int, s Scorer) (Ranking, error)
	// Share divides q.Total(len(seen)) rows among the seen layers, as real numbers from q.Least() to q.Visual.
	Share(seen []Ranking, q Quota) []float64
}

// Scorer looks at one layer of a prefilled prompt; the model does. A is attention: softmax over keys, the mean over heads.
type Scorer interface {
	// Relevance is A of the last observed row over all observed rows, and over nothing else.
	Relevance() ([]float32, error)
	// Importance is the mean A of the elite rows (indices of observed rows, ascending) over the visual rows, where keys are
	// the visual rows and the elite rows up to the asking one. counts is what each elite row counts in the mean, 1 in all; nil:
	// all the same. byHead gives one such list for each KV head, in a row.
	Importance(elite []int, counts []float32, byHead bool) ([]float32, error)
	// Columns is, for every prompt row j, the sum of weights[i] * A[i,j] over the observed rows i. Keys are all rows up to i.
	Columns(weights []float32) ([]float32, error)
	// Density is, for each observed row, the share of its A (of each head by itself) that reaches bar times the row's highest.
	Density(bar float32) ([]float32, error)
	// Rows is what the cache holds of the visual rows.
	Rows() (Rows, error)
}

// Rows are cached keys and values: [rows, Heads*Dim] each. Keys are rotated.
type Rows struct {
	Heads, Dim   int
	Keys, Values []float32
}

// Selection is the visual rows that a layer keeps (indices of visual rows, ascending): one list for all KV heads, or one for
// each, all equally long.
type Selection [][]int32

// Any is the rows that at least one head keeps, ascending.
func (s Selection) Any() []int32 {
	if len(s) == 1 {
		return s[0]
	}
	rows := slices.Concat(s...)
	slices.Sort(rows)
	return slices.Compact(rows)
}

// Plan is the decision for one request.
type Plan struct {
	Kept  []Selection // per layer; nil: everything is kept
	Whole string      // why everything is kept although less was asked for

	// Where the prompt was scored:
	Budgets []int    // per layer: kept visual rows
	Elite   []int    // per layer: rows of the observation window
	Applied Recall   // of Budgets
	Curve   []Recall // at CurvePercents
}

// Scored reports whether there are scores to tell of.
func (p Plan) Scored() bool { return len(p.Curve) > 0 }

// Decide is the whole decision at once, from all layers' rankings.
func Decide(p Policy, layers []Ranking, q Quota) Plan {
	return planOf(p, layers, Budgets(p, layers, q), q)
}

func planOf(p Policy, layers []Ranking, budgets []int, q Quota) Plan {
	plan := Plan{Budgets: budgets, Applied: recallOf(layers, budgets, q.Permille), Curve: Curve(p, layers, q)}
	for _, r := range layers {
		plan.Elite = append(plan.Elite, r.Elite)
	}
	if q.Permille >= Everything {
		return plan
	}
	for l, r := range layers {
		plan.Kept = append(plan.Kept, r.Top(budgets[l]))
	}
	return plan
}

// WholePlan keeps everything; why is told where less was asked for.
func WholePlan(permille int, why string) Plan {
	if permille >= Everything {
		why = ""
	}
	return Plan{Whole: why}
}
