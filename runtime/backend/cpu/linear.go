package cpu

import "aircache.dev/aircache/runtime/backend"

// linearWork is dst (+)= x w^T + bias, cut along the longer side of dst.
type linearWork struct {
	b           *Backend
	dst, x, w   panel
	bias        []float32
	rows, cols  int
	inner       int
	add, byRows bool
	step        int
}

// leastLinear is the work (multiplications) below which waking another worker costs more than it saves.
const leastLinear = 1 << 15

func (b *Backend) Linear(dst, x, w, bias backend.Tensor, add bool) {
	l := &b.linear
	*l = linearWork{b: b, dst: panel{values(dst), dst.Cols}, x: panel{values(x), x.Cols}, w: panel{values(w), w.Cols},
		bias: values(bias), rows: x.Rows, cols: w.Rows, inner: x.Cols, add: add}
	if l.rows == 0 {
		return
	}
	l.byRows = l.rows >= l.cols
	long, short := l.cols, l.rows
	if l.byRows {
		long, short = l.rows, l.cols
	}
	l.step = b.pool.rowsPerPart(long, max(16, leastLinear/max(1, short*l.inner)))
	b.pool.run(l, parts(long, l.step))
}

func (l *linearWork) part(i, worker int) {
	r0, r1, c0, c1 := 0, l.rows, 0, l.cols
	if l.byRows {
		r0, r1 = cut(i, l.step, l.rows)
	} else {
		c0, c1 = cut(i, l.step, l.cols)
	}
	beta := float32(0)
	if l.add {
		beta = 1
	}
	if l.bias != nil {
		l.fillBias(r0, r1, c0, c1)
		beta = 1
	}
	l.b.blas.productT(worker, size{r1 - r0, c1 - c0, l.inner}, 1, l.x.at(r0, 0), l.w.at(c0, 0), beta, l.dst.at(r0, c0))
}

func (l *linearWork) fillBias(r0, r1, c0, c1 int) {
	for r := r0; r < r1; r++ {
		out := l.dst.data[r*l.dst.stride+c0:][:c1-c0]
		if l.add {
			axpy(1, l.bias[c0:c1], out)
		} else {
			copy(out, l.bias[c0:c1])
		}
	}
}
