package simd

var found = accelerated

// plainly switches the kernels off, or on where the machine has them.
func plainly(yes bool) { accelerated = found && !yes }
