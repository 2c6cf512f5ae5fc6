package compress

import "fmt"

// VLCache keeps what the text after the picture attends to (VL-Cache), and gives more to layers whose attention is spread.
type VLCache struct{}

// denseBar is the share of a row's highest weight from which an entry counts.
const denseBar = 0.01

func (VLCache) Name() string                            { return "VLCache" }
func (VLCache) Observes(p Prompt) ([]int32, string)     { return p.after() }
func (VLCache) Share(seen []Ranking, q Quota) []float64 { return q.fill(weights(seen, Strength, q)) }

// Rank takes the layer's density for its strength: the mean share of entries that reach 1 % of their row's highest.
//
//	a row .90 .05 .05 .004: .004 is under .009, so its density is 3/4
func (VLCache) Rank(p Prompt, _ int, s Scorer) (Ranking, error) {
	scores, err := columnSums(p, len(p.Observe), s)
	if err != nil {
		return Ranking{}, err
	}
	r, err := Rank(scores)
	if err != nil {
		return Ranking{}, err
	}
	density, err := s.Density(denseBar)
	if err != nil {
		return Ranking{}, err
	}
	if err := checkScores(density); err != nil {
		return Ranking{}, fmt.Errorf("reading the density: %w", err)
	}
	r.Strength = 0
	for _, d := range density {
		r.Strength += float64(d) / float64(len(density))
	}
	return r, nil
}

// TGV keeps what the text after the picture attends to, each text row weighed by what later text pays to it (TGV-KV): an
// elite window with soft edges. Layers share by strength alone.
type TGV struct{}

func (TGV) Name() string                            { return "TGV" }
func (TGV) Observes(p Prompt) ([]int32, string)     { return p.after() }
func (TGV) Share(seen []Ranking, q Quota) []float64 { return q.fill(weights(seen, Strength, q)) }

func (TGV) Rank(p Prompt, _ int, s Scorer) (Ranking, error) {
	rows := p.Observe // as Observes gave them
	sums, err := s.Columns(ones(len(rows)))
	if err != nil {
		return Ranking{}, err
	}
	seen, err := p.visualOf(sums)
	if err != nil {
		return Ranking{}, err
	}
	weighted, err := s.Columns(received(sums, rows, span(0, len(rows))))
	if err != nil {
		return Ranking{}, err
	}
	scores, err := p.visualOf(weighted)
	if err != nil {
		return Ranking{}, err
	}
	r, err := Rank(scores)
	r.Strength = 0
	for _, x := range seen {
		r.Strength += float64(x)
	}
	return r, err
}
