package compress

import "math"

// KeyDiff keeps the rows whose keys are least like the picture's mean key. It reads no query, so the compressed picture
// serves any question.
type KeyDiff struct{}

func (KeyDiff) Name() string                            { return "KeyDiff" }
func (KeyDiff) Observes(p Prompt) ([]int32, string)     { return nil, p.tooSmall() }
func (KeyDiff) Share(seen []Ranking, q Quota) []float64 { return q.uniform(len(seen)) }

func (KeyDiff) Rank(p Prompt, _ int, s Scorer) (Ranking, error) {
	rows, err := s.Rows()
	if err != nil {
		return Ranking{}, err
	}
	return Rank(oddity(rows, len(p.Visual)))
}

// oddity is 1 - cos(k, mean of k/|k|), the mean over KV heads: from 0 (as all others) to 2.
//
//	keys (2 0), (0 1), (0 3): the mean direction is (1/3 2/3), of length .745; cos .447, .894, .894; so .553 .106 .106
func oddity(rows Rows, n int) []float32 {
	scores := make([]float32, n)
	width := rows.Heads * rows.Dim
	for head := range rows.Heads {
		key := func(v int) []float32 { return rows.Keys[v*width+head*rows.Dim:][:rows.Dim] }
		mean := make([]float64, rows.Dim)
		for v := range n {
			if length := norm(key(v)); length > 0 {
				for d, x := range key(v) {
					mean[d] += float64(x) / length
				}
			}
		}
		for v := range n {
			scores[v] += float32(max(0, 1-cosine(key(v), mean)) / float64(rows.Heads))
		}
	}
	return scores
}

func norm(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

// cosine is 0 where a vector has no direction.
func cosine(x []float32, mean []float64) float64 {
	var dot, square float64
	for d, v := range x {
		dot += float64(v) * mean[d]
		square += mean[d] * mean[d]
	}
	length := norm(x) * math.Sqrt(square)
	if length == 0 {
		return 0
	}
	return dot / length
}

// FlashCache keeps the rows that stand out from the smooth course of keys and values along the sequence, and gives layers
// their share of that high-frequency energy. It reads no query either.
type FlashCache struct{}

// smoothShare of the frequencies, the lowest, make the smooth course.
const smoothShare = 0.1

func (FlashCache) Name() string                            { return "FlashCache" }
func (FlashCache) Observes(p Prompt) ([]int32, string)     { return nil, p.tooSmall() }
func (FlashCache) Share(seen []Ranking, q Quota) []float64 { return q.fill(weights(seen, Strength, q)) }

func (FlashCache) Rank(p Prompt, _ int, s Scorer) (Ranking, error) {
	rows, err := s.Rows()
	if err != nil {
		return Ranking{}, err
	}
	n, width := len(p.Visual), rows.Heads*rows.Dim
	scores, strength := make([]float32, n), 0.0
	for _, x := range [][]float32{rows.Keys, rows.Values} {
		rough, energy := 0.0, 0.0
		for v, e := range roughness(x, n, width) {
			scores[v] += float32(e / float64(width))
			rough += e
		}
		for _, v := range x {
			energy += float64(v) * float64(v)
		}
		if energy > 0 {
			strength += rough / energy
		}
	}
	r, err := Rank(scores)
	r.Strength = strength
	return r, err
}

// roughness is each row's squared distance from the smooth course: the rows' lowest frequencies in a cosine transform (DCT-II,
// orthonormal) along the sequence.
//
//	one column 1 1 1 1, frequency 0 alone is smooth: base 1 1 1 1, roughness 0 0 0 0
//	one column 1 0 0 0: base .25 everywhere, roughness .5625 .0625 .0625 .0625
func roughness(x []float32, n, width int) []float64 {
	base := make([]float64, n*width)
	coefficients := make([]float64, width)
	for f := range max(1, int(math.Round(smoothShare*float64(n)))) {
		wave := cosineWave(f, n)
		clear(coefficients)
		for v, b := range wave {
			for c, value := range x[v*width : (v+1)*width] {
				coefficients[c] += b * float64(value)
			}
		}
		for v, b := range wave {
			row := base[v*width : (v+1)*width]
			for c, k := range coefficients {
				row[c] += b * k
			}
		}
	}
	out := make([]float64, n)
	for i, value := range x {
		d := float64(value) - base[i]
		out[i/width] += d * d
	}
	return out
}

func cosineWave(f, n int) []float64 {
	scale := math.Sqrt(2 / float64(n))
	if f == 0 {
		scale = math.Sqrt(1 / float64(n))
	}
	wave := make([]float64, n)
	for i := range wave {
		wave[i] = scale * math.Cos(math.Pi*(float64(i)+.5)*float64(f)/float64(n))
	}
	return wave
}
