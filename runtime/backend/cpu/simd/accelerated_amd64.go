package simd

import "golang.org/x/sys/cpu"

var accelerated = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// Name is "AVX2" or "plain Go".
func Name() string {
	if accelerated {
		return "AVX2"
	}
	return "plain Go"
}
