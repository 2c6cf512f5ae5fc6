package compress

import (
	"errors"
	"fmt"
)

// Policy decides what a request keeps.
type Policy interface {
	Name() string
	// Observes is the rows whose queries the prefill must save for Decide; none where the policy will not score.
	Observes(p Prompt) []int32
	// Decide asks for the scores that it needs and returns the kept rows. An error is the scorer's.
	Decide(p Prompt, layers, permille int, s Scorer) (Plan, error)
}

// Scorer gives a layer's scores of a prefilled prompt; the model does.
type Scorer interface {
	// Relevance is how much the last text row attends to each observed row.
	Relevance(layer int) ([]float32, error)
	// Importance is how much the elite rows (indices of observed rows, ascending) attend to each visual row.
	Importance(layer int, elite []int) ([]float32, error)
}

// Plan is the decision for one request.
type Plan struct {
	Kept  [][]int32 // per layer: indices of the kept visual rows, ascending; nil: everything is kept
	Whole string    // why everything is kept although less was asked for

	// Where the prompt was scored:
	Budgets []int    // per layer: kept visual rows
	Elite   []int    // per layer: rows of the observation window
	Applied Recall   // of Budgets
	Curve   []Recall // at CurvePercents
}

// Scored reports whether there are scores to tell of.
func (p Plan) Scored() bool { return len(p.Curve) > 0 }

// Full keeps everything and scores nothing.
type Full struct{}

func (Full) Name() string                                  { return "Full" }
func (Full) Observes(Prompt) []int32                       { return nil }
func (Full) Decide(Prompt, int, int, Scorer) (Plan, error) { return Plan{}, nil }

// AirCache keeps the visual rows that the elite text rows attend to.
type AirCache struct{ Options Options }

func (AirCache) Name() string { return "AirCache" }

// Observes is all candidates, also at a retention of 1000: the recall curve tells what a lower one would cost.
func (AirCache) Observes(p Prompt) []int32 {
	if p.wholeBecause() != "" {
		return nil
	}
	return p.Observe
}

func (a AirCache) Decide(p Prompt, layers, permille int, s Scorer) (Plan, error) {
	if why := p.wholeBecause(); why != "" {
		return wholePlan(permille, why), nil
	}
	rankings := make([]Ranking, layers)
	elite := make([]int, layers)
	for l := range rankings {
		var err error
		rankings[l], elite[l], err = a.rank(l, len(p.Visual), s)
		if errors.Is(err, ErrScores) { // keep the full cache: a wrong eviction cannot be undone
			return wholePlan(permille, err.Error()), nil
		}
		if err != nil {
			return Plan{}, err
		}
	}
	how := a.Options.LayerBudget
	budgets := Budgets(moments(rankings), len(p.Visual), permille, how)
	plan := Plan{Budgets: budgets, Elite: elite, Applied: recallOf(rankings, budgets, permille), Curve: Curve(rankings, how)}
	if permille >= Everything {
		return plan, nil
	}
	plan.Kept = make([][]int32, layers)
	for l, r := range rankings {
		plan.Kept[l] = r.Top(budgets[l])
	}
	return plan, nil
}

func (a AirCache) rank(layer, visual int, s Scorer) (Ranking, int, error) {
	relevance, err := s.Relevance(layer)
	if err != nil {
		return Ranking{}, 0, fmt.Errorf("scoring text in layer %d: %w", layer, err)
	}
	elite, err := Window(relevance, a.Options)
	if err != nil {
		return Ranking{}, 0, fmt.Errorf("choosing the elite window of layer %d: %w", layer, err)
	}
	scores, err := s.Importance(layer, elite)
	if err != nil {
		return Ranking{}, 0, fmt.Errorf("scoring visual rows in layer %d: %w", layer, err)
	}
	if len(scores) != visual {
		return Ranking{}, 0, fmt.Errorf("scoring visual rows in layer %d: got %d scores for %d rows", layer, len(scores), visual)
	}
	ranking, err := Rank(scores)
	if err != nil {
		return Ranking{}, 0, fmt.Errorf("ranking visual rows of layer %d: %w", layer, err)
	}
	return ranking, len(elite), nil
}

func wholePlan(permille int, why string) Plan {
	if permille >= Everything {
		why = ""
	}
	return Plan{Whole: why}
}
