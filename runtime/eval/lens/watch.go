package lens

import "aircache.dev/aircache/runtime/compress"

// Watch looks over a policy's shoulder: it decides as before, and the importance that it asks for is noted by layer.
func Watch(p compress.Policy) *Watched { return &Watched{Policy: p, scores: map[int][]float32{}} }

// Watched is a policy under watch.
type Watched struct {
	compress.Policy
	scores map[int][]float32
}

// Decide is the policy's own.
func (w *Watched) Decide(p compress.Prompt, layers, permille int, s compress.Scorer) (compress.Plan, error) {
	return w.Policy.Decide(p, layers, permille, noting{s, w.scores})
}

type noting struct {
	compress.Scorer
	scores map[int][]float32
}

func (n noting) Importance(layer int, elite []int) ([]float32, error) {
	scores, err := n.Scorer.Importance(layer, elite)
	n.scores[layer] = scores
	return scores, err
}

// Recall is the share of a layer's importance that the kept rows carry; false where the policy asked for none.
//
//	importance .1 .4 .2 .3, kept 1 3  ->  .7/1.0 = .7
func (w *Watched) Recall(layer int, kept []int32) (float64, bool) {
	scores := w.scores[layer]
	total, part := 0.0, 0.0
	for _, x := range scores {
		total += float64(x)
	}
	for _, row := range kept {
		if int(row) < len(scores) {
			part += float64(scores[row])
		}
	}
	return part / max(total, 1e-30), total > 0
}
