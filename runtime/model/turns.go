package model

import "math"

// turns are the cosines and sines of some pairs by position, worked out once: a picture's patches and a prompt's rows take few
// positions many times.
type turns struct {
	inverse  []float32 // radians of each pair at one position
	cos, sin []float32 // by position, of all pairs
}

// at gives those of a position. The angle is rounded to float32 as the reference does.
func (t *turns) at(position int) (cos, sin []float32) {
	pairs := len(t.inverse)
	for p := len(t.cos) / pairs; p <= position; p++ {
		for _, f := range t.inverse {
			angle := float64(float32(p) * f)
			t.cos, t.sin = append(t.cos, float32(math.Cos(angle))), append(t.sin, float32(math.Sin(angle)))
		}
	}
	return t.cos[position*pairs:][:pairs], t.sin[position*pairs:][:pairs]
}
