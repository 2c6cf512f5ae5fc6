//go:build !amd64

package simd

const accelerated = false

// Name is "plain Go".
func Name() string { return "plain Go" }

func dotRows(_, _, _ *float32, _, _, _ int)           { panic("unreachable") }
func dotRowsPair(_, _, _, _, _ *float32, _, _, _ int) { panic("unreachable") }
func addRows(_, _, _ *float32, _, _, _ int)           { panic("unreachable") }
func expRow(*float32, int, float32) float32           { panic("unreachable") }
