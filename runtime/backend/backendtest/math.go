package backendtest

import (
	"fmt"
	"math"

	"aircache.dev/aircache/runtime/backend"
)

var oddSizes = []int{1, 31, 33, 4097}

func (s *suite) memory() {
	x := s.normal(33*31, 1)
	t := s.tensor(33, 31, x)
	defer s.b.Free(t)
	part := make([]float32, 2*31)
	s.b.Read(part, t.Slice(5, 7))
	s.compare("rows 5..6", part, double(x[5*31:7*31]))

	rows := []int32{32, 0, 7, 7}
	gathered, narrow := s.filled(4, 31), s.filled(4, 3)
	s.b.Gather(gathered, t, rows)
	s.b.Gather(narrow, t, rows)
	var wide, left []float64
	for _, r := range rows {
		wide = append(wide, double(x[r*31:(r+1)*31])...)
		left = append(left, double(x[r*31:r*31+3])...)
	}
	s.expect("gathered rows", gathered, wide)
	s.expect("left columns of gathered rows", narrow, left)

	y := s.normal(2*31, 1)
	into := s.tensor(33, 31, x)
	s.b.Scatter(into, s.tensor(2, 31, y), []int32{30, 2})
	want := double(x)
	copy(want[30*31:], double(y[:31]))
	copy(want[2*31:], double(y[31:]))
	s.expect("scattered rows", into, want)

	s.blend(x, t)
	repeated := s.tensor(33, 31, x)
	s.b.Add(repeated, s.tensor(11, 31, x[:11*31]))
	want = double(x)
	for i := range want {
		want[i] += float64(x[i%(11*31)])
	}
	s.expect("a repeated sum", repeated, want)
}

// blend makes one row of one, of three and of four others, the same one twice among them.
func (s *suite) blend(x []float32, t backend.Tensor) {
	for _, taps := range []int{1, 3, 4} {
		rows, shares := make([]int32, 5*taps), s.normal(5*taps, 1)
		want := make([]float64, 5*31)
		for i := range rows {
			rows[i] = int32(i * 7 % 33)
			if i%taps == 1 {
				rows[i], shares[i] = rows[i-1], 0
			}
			for c := range 31 {
				want[i/taps*31+c] += float64(shares[i]) * float64(x[int(rows[i])*31+c])
			}
		}
		blended := s.filled(5, 31)
		s.b.Blend(blended, t, rows, shares)
		s.expect(fmt.Sprintf("rows blended of %d", taps), blended, want)
	}
}

func (s *suite) norms() {
	for _, rows := range []int{1, 31, 33} {
		for _, cols := range oddSizes {
			x, w, b := s.normal(rows*cols, 2), s.normal(cols, 1), s.normal(cols, 1)
			dx, dw, db := s.tensor(rows, cols, x), s.tensor(1, cols, w), s.tensor(1, cols, b)
			layer, rms := s.filled(rows, cols), s.filled(rows, cols)
			s.b.LayerNorm(layer, dx, dw, db, 1e-5)
			s.b.RMSNorm(rms, dx, dw, 1e-6)
			s.expect("layer norm "+shape(rows, cols), layer, layerNorm(x, w, b, 1e-5))
			s.expect("rms norm "+shape(rows, cols), rms, rmsNorm(x, w, 1e-6))
		}
	}
}

// headNorms normalises each head, and all of a kind at once.
func (s *suite) headNorms() {
	for _, h := range append(s.shapes.Mix, s.shapes.Cache...) {
		for _, rows := range []int{1, 31, 33} {
			for _, sizes := range [][2]int{{h.Dim, h.Dim}, {h.Query * h.Dim, h.KV * h.Dim}} {
				x, query, key := s.normal(rows*h.Width(), 2), s.normal(sizes[0], 1), s.normal(sizes[1], 1)
				qkv := s.tensor(rows, h.Width(), x)
				s.b.NormHeads(qkv, s.tensor(1, sizes[0], query), s.tensor(1, sizes[1], key), 1e-6, h)
				want := double(x)
				for r := range rows {
					row, keys := r*h.Width(), r*h.Width()+h.Query*h.Dim
					copy(want[row:keys], rmsNorm(x[row:keys], query, 1e-6))
					copy(want[keys:keys+h.KV*h.Dim], rmsNorm(x[keys:keys+h.KV*h.Dim], key, 1e-6))
				}
				s.expect("norms of heads "+shape(rows, h.Query, h.KV, h.Dim, sizes[0]), qkv, want)
			}
		}
	}
}

func layerNorm(x, w, b []float32, eps float64) []float64 {
	out, cols := make([]float64, len(x)), len(w)
	for r := 0; r < len(x); r += cols {
		mean, variance := 0.0, 0.0
		for c := range cols {
			mean += float64(x[r+c]) / float64(cols)
		}
		for c := range cols {
			variance += math.Pow(float64(x[r+c])-mean, 2) / float64(cols)
		}
		for c := range cols {
			out[r+c] = (float64(x[r+c])-mean)/math.Sqrt(variance+eps)*float64(w[c]) + float64(b[c])
		}
	}
	return out
}

func rmsNorm(x, w []float32, eps float64) []float64 {
	out, cols := make([]float64, len(x)), len(w)
	for r := 0; r < len(x); r += cols {
		square := 0.0
		for c := range cols {
			square += math.Pow(float64(x[r+c]), 2) / float64(cols)
		}
		for c := range cols {
			out[r+c] = float64(x[r+c]) / math.Sqrt(square+eps) * float64(w[c])
		}
	}
	return out
}

func (s *suite) linear() {
	shapes := [][3]int{{1, 1, 1}, {1, 33, 31}, {1, 4097, 33}, {1, 31, 4097}, {2, 512, 256}, {4, 512, 256}, {8, 33, 4097}, {12, 768, 256},
		{13, 768, 31}, {31, 33, 4097}, {33, 4097, 31}, {4097, 31, 33}, {129, 257, 65}}
	for _, m := range shapes {
		rows, out, in := m[0], m[1], m[2]
		x, w, b, old := s.normal(rows*in, 1), s.normal(out*in, 1/math.Sqrt(float64(in))), s.normal(out, 1), s.normal(rows*out, 1)
		dx, dw, db := s.tensor(rows, in, x), s.tensor(out, in, w), s.tensor(1, out, b)
		for _, withBias := range []bool{false, true} {
			for _, add := range []bool{false, true} {
				dst, bias, want := s.filled(rows, out), backend.Tensor{}, product(x, w, rows, out, in)
				if add {
					s.b.Write(dst, old)
				}
				if withBias {
					bias = db
				}
				for i := range want {
					if withBias {
						want[i] += float64(b[i%out])
					}
					if add {
						want[i] += float64(old[i])
					}
				}
				s.b.Linear(dst, dx, dw, bias, add)
				s.expect("linear "+shape(rows, out, in), dst, want)
				if !add && !withBias {
					logits := s.exact(rows, out, make([]float32, rows*out))
					s.b.Linear(logits, dx, dw, bias, add)
					s.expect("linear of exact results "+shape(rows, out, in), logits, want)
				}
			}
		}
		s.b.Free(dx)
		s.b.Free(dw)
	}
}

// product is x w^T.
func product(x, w []float32, rows, out, in int) []float64 {
	y := make([]float64, rows*out)
	for r := range rows {
		for o := range out {
			for i := range in {
				y[r*out+o] += float64(x[r*in+i]) * float64(w[o*in+i])
			}
		}
	}
	return y
}

func (s *suite) activations() {
	for _, n := range oddSizes {
		x := append(s.normal(n, 4), 0, 30, -30, 90, -90, 1e-8)
		exact, tanh, quick := s.tensor(1, len(x), x), s.tensor(1, len(x), x), s.tensor(1, len(x), x)
		s.b.Activate(exact, backend.GELU)
		s.b.Activate(tanh, backend.GELUTanh)
		s.b.Activate(quick, backend.QuickGELU)
		wantExact, wantTanh, wantQuick := double(x), double(x), double(x)
		for i, v := range double(x) {
			wantExact[i] = v / 2 * (1 + math.Erf(v/math.Sqrt2))
			wantTanh[i] = v / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v)))
			wantQuick[i] = v / (1 + math.Exp(-1.702*v))
		}
		s.expect("gelu "+shape(n), exact, wantExact)
		s.expect("gelu by tanh "+shape(n), tanh, wantTanh)
		s.expect("quick gelu "+shape(n), quick, wantQuick)

		const rows = 3
		pairs := s.normal(rows*2*n, 4)
		dst := s.filled(rows, n)
		s.b.GatedSiLU(dst, s.tensor(rows, 2*n, pairs))
		var want []float64
		for i := range rows * n {
			gate, up := float64(pairs[i/n*2*n+i%n]), float64(pairs[i/n*2*n+n+i%n])
			want = append(want, gate/(1+math.Exp(-gate))*up)
		}
		s.expect("gated silu "+shape(rows, n), dst, want)
	}
}
