package compress

import (
	"math"
	"slices"
)

// What AirCache adds to the paper's importance (ours; docs/quality.md has what each is worth).

// received is the mean attention that each row of the window gets from itself and the text after it, as shares of 1: a word that
// later words lean on says more about what the answer needs. sums is what all observed rows together attend to each prompt row.
//
//	sums .6 .4 .2 of three rows, window all   ->  means .6/3, .4/2, .2/1 = .2 each: 1/3 1/3 1/3
func received(sums []float32, observed []int32, window []int) []float32 {
	shares, all := make([]float32, len(window)), float32(0)
	for i, j := range window {
		shares[i] = sums[observed[j]] / float32(len(observed)-j)
		all += shares[i]
	}
	for i := range shares {
		if all > 0 {
			shares[i] /= all
		} else {
			shares[i] = 1 / float32(len(shares))
		}
	}
	return shares
}

// scaleByValue multiplies each row's score by the length of its value, relative to the mean: attention tells how much of a value is
// taken, its length how much there is to take. The values are those of list h of n: of all KV heads, or of the list's own.
//
//	scores .5 .5, values (3 4) and (0 15): lengths 5 and 15, mean 10   ->  .25 .75
func scaleByValue(scores []float32, rows Rows, h, n int) {
	width := rows.Heads * rows.Dim
	part := width / n
	lengths, mean := make([]float64, len(scores)), 0.0
	for v := range scores {
		lengths[v] = norm(rows.Values[v*width+h*part:][:part])
		mean += lengths[v] / float64(len(scores))
	}
	if mean == 0 || math.IsInf(mean, 0) || math.IsNaN(mean) {
		return // no value says more than another
	}
	for v := range scores {
		scores[v] *= float32(lengths[v] / mean)
	}
}

// shareWithNeighbours adds to each row what its neighbours in the prompt have, up to reach rows away, the less the farther: a word
// or number spreads over patches side by side, of which the text may look at the first only, and the answer reads on.
//
//	reach 1: a row + 1/2 of the one before + 1/2 of the one after      8 0 0 4   ->  8 4 2 4
//	reach 2: 1, 2/3 and 1/3                                             9 0 0 0   ->  9 6 3 0
//
// Rows with other rows between them (two pictures, a row's end marker) are as far apart as they are in the prompt.
func shareWithNeighbours(scores []float32, rows []int32, reach int) []float32 {
	if reach == 0 {
		return scores
	}
	shared := slices.Clone(scores)
	for v := range scores {
		for u := v + 1; u < len(scores) && int(rows[u]-rows[v]) <= reach; u++ {
			part := 1 - float32(rows[u]-rows[v])/float32(reach+1)
			shared[v] += part * scores[u]
			shared[u] += part * scores[v]
		}
	}
	return shared
}

func ones(n int) []float32 { return slices.Repeat([]float32{1}, n) }

// span is the whole numbers from first to below end.
func span(first, end int) []int {
	numbers := make([]int, end-first)
	for i := range numbers {
		numbers[i] = first + i
	}
	return numbers
}
