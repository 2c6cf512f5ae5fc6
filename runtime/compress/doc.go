// Package compress decides which visual rows of a prefilled prompt stay in the key/value cache, and how many in each layer.
//
// It is pure: scores in, kept rows out. The policy `AirCache` follows arXiv 2503.23956; what the paper's sources leave open is
// marked "ours". One request goes through these steps:
//
//	Survey   which rows are visual, and which text rows may observe them
//	Window   the elite rows: text that the last text row attends to (1.1)
//	Rank     a layer's visual rows by importance, with strength and skewness (1.2, 1.3)
//	Budgets  how many rows each layer keeps, by strength and skewness (1.3)
//	Top      the kept rows (1.4)
//	Curve    what every other retention would have kept of the importance, for free (1.6)
//
// A [Policy] strings them together and asks a [Scorer], the model, for the two kinds of scores. Another policy is another
// implementation of Policy over the same steps; a cascade may call Budgets and Ranking.Top layer by layer, because a ranking
// keeps its order and its sums.
//
// Text is never evicted. A retention of 1000 permille, fewer than [MinVisual] visual rows or no text that can observe them
// keep everything, and so do scores that are not finite: then [Plan.Whole] says why.
package compress
