package compress

import "math/rand/v2"

// Full keeps everything and scores nothing.
type Full struct{}

func (Full) Name() string                              { return "Full" }
func (Full) Observes(Prompt) ([]int32, string)         { return nil, "the policy keeps everything" }
func (Full) Rank(Prompt, int, Scorer) (Ranking, error) { return Ranking{}, nil }
func (Full) Share(seen []Ranking, q Quota) []float64   { return q.uniform(len(seen)) }

// uniform gives all layers the same.
func (q Quota) uniform(seen int) []float64 {
	return q.fill(weights(make([]Ranking, seen), Uniform, q))
}

// Random keeps rows drawn by chance: what every policy must beat. The same prompt gets the same rows.
type Random struct{ Seed uint64 }

func (Random) Name() string                            { return "Random" }
func (Random) Observes(p Prompt) ([]int32, string)     { return nil, p.tooSmall() }
func (Random) Share(seen []Ranking, q Quota) []float64 { return q.uniform(len(seen)) }

func (r Random) Rank(p Prompt, layer int, _ Scorer) (Ranking, error) {
	draw := rand.New(rand.NewPCG(r.Seed^p.Fingerprint, uint64(layer)))
	order, scores := make([]int32, len(p.Visual)), make([]float32, len(p.Visual))
	for i, v := range draw.Perm(len(order)) {
		order[i], scores[v] = int32(v), 1
	}
	return rankInOrder(order, scores)
}

// Streaming keeps the prompt's first rows and the most recent visual ones (StreamingLLM).
type Streaming struct{}

func (Streaming) Name() string                            { return "Streaming" }
func (Streaming) Observes(p Prompt) ([]int32, string)     { return nil, p.tooSmall() }
func (Streaming) Share(seen []Ranking, q Quota) []float64 { return q.uniform(len(seen)) }

// Rank puts visual rows among the first SinkRows of the prompt first; where text leads, that text is kept anyway.
//
//	tokens V V V V V V, question   ->  0 1 2 3 5 4
//	tokens <s> a b c V V V V       ->  3 2 1 0 (of the visual rows)
func (Streaming) Rank(p Prompt, _ int, _ Scorer) (Ranking, error) {
	order, scores := make([]int32, 0, len(p.Visual)), make([]float32, len(p.Visual))
	for v, row := range p.Visual {
		scores[v] = 1
		if row < SinkRows {
			order = append(order, int32(v))
		}
	}
	for v := len(p.Visual) - 1; v >= 0 && p.Visual[v] >= SinkRows; v-- {
		order = append(order, int32(v))
	}
	return rankInOrder(order, scores)
}
