// Package compress decides which visual rows of a prefilled prompt stay in the key/value cache, and how many in each layer.
//
// It is pure: scores in, kept rows out. A [Policy] orders each layer's visual rows and shares the quota among the layers; all
// the rest is the same for all of them, so that they are compared on equal bytes. One request goes through these steps:
//
//	Survey    which rows are visual, and which text rows may observe them
//	Observes  the rows whose queries the policy wants to see
//	Rank      a layer's visual rows, best first, with strength and skewness of their scores (1.2, 1.3)
//	Share     the quota among the layers seen, as real numbers; Budgets makes rows of them (1.3)
//	Top       the kept rows (1.4)
//	Curve     what every other retention would have kept of the scores, for free (1.6)
//
// A [Cascade] does this while the prompt is prefilled, layer by layer (1.5); [Decide] does it at the end. They keep the same
// rows.
//
// The policy `AirCache` follows arXiv 2503.23956; what the paper's sources leave open, and what we add ([Options]; [Paper] is
// without), is marked "ours". The others are its peers (section 2 of the design). Their scores come from their papers; what may be
// kept, clips, ties and the protection of text are those of AirCache.
//
// Text is never evicted, and padding of pictures goes first: an engine calls [RankLayer], not Rank. A retention of 1000 permille,
// fewer than [MinVisual] visual rows or no text that can observe them keep everything; where less was asked for, [Plan.Whole] says
// why. Scores that are not finite are [ErrScores].
package compress
