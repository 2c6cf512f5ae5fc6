//go:build !amd64

package simd

func plainly(bool) {}
