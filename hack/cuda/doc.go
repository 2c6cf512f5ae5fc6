// Command cuda builds the CUDA library, its tests and benches, from cuda/ into bin/cuda.
//
//	go run ./hack/cuda library            bin/cuda/libaircache_cuda.so for one GPU type (-arch, sm_90)
//	go run ./hack/cuda library -release   for all GPU types, and PTX for newer ones
//	go run ./hack/cuda programs           bin/cuda/tests/* and bin/cuda/bench/*, each a program of its own
//	go run ./hack/cuda simulated          the same library and tests for the CPU: bin/cuda/simt/*
//	go run ./hack/cuda check              all of it for sm_90, and runs the simulated tests; what `make test` calls
//	go run ./hack/cuda runtime            cuBLASLt for an image, in bin/cuda/runtime; with -cudnn cuDNN too
//
// The compiler comes from NVIDIA's Python wheels: nothing has to be installed but pip and g++. A file is compiled again only when
// it, a header of ours that it includes, the flags or the compiler changed.
package main
