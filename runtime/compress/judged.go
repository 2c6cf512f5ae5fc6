package compress

// RankJudged ranks a layer as Rank would, by importance that a device has computed: of the rows p.Shown, one list for all KV heads
// or one for each, in a row. elite is the size of the device's window.
func (a AirCache) RankJudged(p Prompt, importance []float32, elite int) (Ranking, error) {
	return RankLayer(judged{a, importance, elite}, p, 0, nil)
}

// judged is AirCache behind its scores.
type judged struct {
	AirCache
	importance []float32
	elite      int
}

func (j judged) Rank(p Prompt, _ int, _ Scorer) (Ranking, error) {
	heads, err := split(j.importance, len(p.Visual))
	if err != nil {
		return Ranking{}, err
	}
	return j.order(p, heads, j.elite)
}
