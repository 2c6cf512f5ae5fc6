package cpu

import "fmt"

// blas is a library of products on one thread; worker numbers the caller, two callers never share a number.
type blas interface {
	name() string
	// productT: c = alpha * a b^T + beta * c; a is [m, k], b is [n, k], c is [m, n].
	productT(worker int, s size, alpha float32, a, b panel, beta float32, c panel)
	// product: c = a b; a is [m, k], b is [k, n], c is [m, n].
	product(worker int, s size, a, b, c panel)
}

type size struct{ m, n, k int }

// panel is a matrix inside a larger one: stride values lie between the starts of two rows.
type panel struct {
	data   []float32
	stride int
}

// at is the panel that starts at a row and a column.
func (p panel) at(row, col int) panel { return panel{p.data[row*p.stride+col:], p.stride} }

// openBLAS picks the library.
func openBLAS(which BLAS, threads int) (blas, error) {
	switch which {
	case Builtin:
		return builtinBLAS{}, nil
	case OpenBLAS:
		return loadOpenBLAS(threads)
	case Auto:
		if library, err := loadOpenBLAS(threads); err == nil {
			return library, nil
		}
		return builtinBLAS{}, nil
	}
	return nil, fmt.Errorf("blas %q is not known (%q, %q)", which, OpenBLAS, Builtin)
}
