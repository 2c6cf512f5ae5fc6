package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func exactDot(x, y []float32) (sum, size float64) {
	for i, v := range x {
		p := float64(v) * float64(y[i])
		sum, size = sum+p, size+math.Abs(p)
	}
	return sum, size
}

// both runs a test with the kernels that this machine takes and with plain Go.
func both(t *testing.T, test func(t *testing.T)) {
	t.Run(Name(), test)
	if !accelerated {
		return
	}
	plainly(true)
	defer plainly(false)
	t.Run(Name(), test)
}

// Sizes around every width of the kernels, and rows that lie apart; what lies between them must not be read into a result or written.
func TestProductsOfRowsAreThoseOfFloat64(t *testing.T) {
	both(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, k := range []int{1, 7, 8, 9, 31, 32, 33, 64, 72, 256, 4097} {
			for _, n := range []int{1, 2, 3, 4, 5, 8, 11, 16} {
				stride := k + r.IntN(3)
				x0, x1, rows := random(r, k), random(r, k), random(r, n*stride)
				out := [3][]float32{make([]float32, n+1), make([]float32, n+1), make([]float32, n+1)}
				for i := range out {
					out[i][n] = 42
				}
				Dots(out[0][:n], x0, rows, stride)
				DotsPair(out[1][:n], out[2][:n], x0, x1, rows[:(n-1)*stride+k], stride)
				for i := range n {
					for which, x := range [][]float32{x0, x0, x1} {
						want, size := exactDot(x, rows[i*stride:][:k])
						if diff := math.Abs(float64(out[which][i]) - want); !(diff <= 1e-6*size) {
							t.Fatalf("%d rows of %d, %d apart: row %d is off by %g of %g", n, k, stride, i, diff, size)
						}
					}
				}
				for i := range out {
					if out[i][n] != 42 {
						t.Fatalf("%d rows of %d: something was written behind them", n, k)
					}
				}
			}
		}
	})
}

func TestWeightedSumsOfRowsAreThoseOfFloat64(t *testing.T) {
	both(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, k := range []int{1, 7, 8, 31, 32, 33, 40, 64, 72, 256} {
			for _, n := range []int{0, 1, 2, 5, 16, 31} {
				stride := k + r.IntN(3)
				before, weights, rows := random(r, k), random(r, n), random(r, max(1, n)*stride)
				out := append([]float32{}, before...)
				AddRows(out, weights, rows, stride)
				for j := range out {
					want, size := float64(before[j]), math.Abs(float64(before[j]))
					for i, w := range weights {
						p := float64(w) * float64(rows[i*stride+j])
						want, size = want+p, size+math.Abs(p)
					}
					if diff := math.Abs(float64(out[j]) - want); !(diff <= 1e-6*size) {
						t.Fatalf("%d rows of %d: column %d is off by %g of %g", n, k, j, diff, size)
					}
				}
			}
		}
	})
}

func TestExponentialsAreWithin3e7(t *testing.T) {
	both(t, func(t *testing.T) {
		var x []float32
		for v := float32(-87); v < 80; v += .0137 {
			x = append(x, v)
		}
		for _, n := range []int{0, 1, 7, 8, 9, 100, len(x)} {
			for _, shift := range []float32{0, 1.5} {
				got := append([]float32{}, x[len(x)-n:]...)
				sum, want := float64(ExpShifted(got, shift)), 0.0
				for i, v := range x[len(x)-n:] {
					e := math.Exp(max(float64(v-shift), -87))
					want += e
					if math.Abs(float64(got[i])-e) > 3e-7*e {
						t.Fatalf("e^(%v-%v) is %v, want %v", v, shift, got[i], e)
					}
				}
				if math.Abs(sum-want) > 1e-5*want {
					t.Errorf("%d values sum up to %v, want %v", n, sum, want)
				}
			}
		}
	})
}

func TestExponentialsOfWhatIsNoNumber(t *testing.T) {
	both(t, func(t *testing.T) {
		nan, inf := float32(math.NaN()), float32(math.Inf(-1))
		x := []float32{nan, inf, -1e30, 0, nan, inf, -1e30, 0, nan}
		ExpShifted(x, 0)
		for i, v := range x {
			switch i % 4 {
			case 0:
				if v == v {
					t.Errorf("NaN became %v", v)
				}
			case 3:
				if v != 1 {
					t.Errorf("e^0 is %v", v)
				}
			default:
				if !(v >= 0 && v < 1e-37) {
					t.Errorf("of a value far below: %v", v)
				}
			}
		}
	})
}

func TestRowsThatAreTooShortAreNotRead(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("rows beyond the end were read")
		}
	}()
	Dots(make([]float32, 2), make([]float32, 8), make([]float32, 15), 8)
}

func BenchmarkDots(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, k := range []int{64, 256, 1024} {
		x, y, rows, out, other := random(r, k), random(r, k), random(r, 64*k), make([]float32, 64), make([]float32, 64)
		flops := float64(2 * 64 * k)
		b.Run(fmt.Sprintf("one/%d", k), func(b *testing.B) {
			for b.Loop() {
				Dots(out, x, rows, k)
			}
			b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
		b.Run(fmt.Sprintf("pair/%d", k), func(b *testing.B) {
			for b.Loop() {
				DotsPair(out, other, x, y, rows, k)
			}
			b.ReportMetric(2*flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
		b.Run(fmt.Sprintf("sums/%d", k), func(b *testing.B) {
			for b.Loop() {
				AddRows(x, out, rows, k)
			}
			b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}

func BenchmarkExp(b *testing.B) {
	x := make([]float32, 640)
	for b.Loop() {
		clear(x)
		ExpShifted(x, .5)
	}
	b.ReportMetric(float64(len(x))*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gvalues/s")
}
