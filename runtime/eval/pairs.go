package eval

import (
	"math"

	"aircache.dev/aircache/runtime/compress"
)

// Pair compares two policies on the same questions, all tasks together: the first one's score minus the other's, -1 to 1.
type Pair struct {
	Policy   string `json:"policy"`
	Against  string `json:"against"`
	Permille int    `json:"permille"` // of both; the full cache is always whole
	Samples  int    `json:"samples"`
	Mean
}

// pairs compares the first policy of the settings that compresses with the full cache and with each other one. The same question
// is easy or hard for both, so these intervals tell more than those of the single scores.
func (s Settings) pairs(records []Record) (pairs []Pair) {
	first := ""
	others := []string{FullName}
	for _, name := range s.Policies {
		switch {
		case name == FullName:
		case first == "":
			first = name
		default:
			others = append(others, name)
		}
	}
	for _, permille := range s.Permilles {
		for _, other := range others {
			if p := pair(first, other, permille, records); p.Samples > 0 {
				pairs = append(pairs, p)
			}
		}
	}
	return pairs
}

func pair(first, other string, permille int, records []Record) Pair {
	p, whole := Pair{Policy: first, Against: other, Permille: permille}, permille
	if other == FullName {
		whole = compress.Everything
	}
	var differences []float64
	for _, r := range records {
		a, b := r.trial(first, permille), r.trial(other, whole)
		if a != nil && b != nil {
			differences = append(differences, a.Score-b.Score)
		}
	}
	p.Samples = len(differences)
	p.Mean = pairedMean(differences)
	return p
}

func (r Record) trial(policy string, permille int) *Trial {
	for i, t := range r.Answers {
		if t.Policy == policy && t.Permille == permille {
			return &r.Answers[i]
		}
	}
	return nil
}

// pairedMean is the mean of differences with the interval of Agresti and Min: as if two more questions had been asked, with half a
// win, half a loss and a draw of the rest, so that few differences do not look like certainty.
//
//	10 questions, 3 won, 1 lost  ->  .2; m = 2/12, variance (4+1)/12 - m*m = .389: m -+ 1.96*sqrt(.389/12), from -.186 to .519
func pairedMean(differences []float64) Mean {
	sum, squares, n := 0.0, 0.0, float64(len(differences))
	for _, d := range differences {
		sum += d
		squares += d * d
	}
	middle := sum / (n + 2)
	half := 1.959964 * math.Sqrt(((squares+1)/(n+2)-middle*middle)/(n+2))
	return Mean{Value: sum / max(n, 1), Low: max(-1, middle-half), High: min(1, middle+half)}
}
