package cpu

import "aircache.dev/aircache/runtime/backend"

// rotateWork turns the query and key heads of every row.
type rotateWork struct {
	qkv, angles      []float32
	rows, step       int
	width, dim, head int // columns of a row, of a head; heads to turn
}

// Turn is Append's first half.
func (b *Backend) Turn(qkv, angles backend.Tensor, h backend.Heads) { b.turn(qkv, angles, h) }

func (b *Backend) turn(qkv, angles backend.Tensor, h backend.Heads) {
	r := &b.rotate
	*r = rotateWork{qkv: values(qkv), angles: values(angles), rows: qkv.Rows, width: h.Width(), dim: h.Dim, head: h.Query + h.KV}
	r.step = b.pool.rowsPerPart(r.rows, leastRows)
	b.pool.run(r, parts(r.rows, r.step))
}

func (r *rotateWork) part(i, _ int) {
	half := r.dim / 2
	from, to := cut(i, r.step, r.rows)
	for row := from; row < to; row++ {
		cos, sin := r.angles[row*r.dim:][:half], r.angles[row*r.dim+half:][:half]
		for h := range r.head {
			x := r.qkv[row*r.width+h*r.dim:][:r.dim]
			low, high := x[:half], x[half:][:half]
			for j, c := range cos {
				a, b := low[j], high[j]
				low[j] = a*c - b*sin[j]
				high[j] = b*c + a*sin[j]
			}
		}
	}
}
