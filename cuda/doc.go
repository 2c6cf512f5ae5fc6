// Package cuda is the GPU as a backend. It opens libaircache_cuda.so at run time, without cgo; aircache.h says what that offers.
//
// The library is looked for under [Options].Library, in AIRCACHE_CUDA_LIBRARY, inside this program (where it was built with the
// tag embedcuda), beside it, and where `make cuda` writes it.
//
// Work is queued: an op returns before the device did it. What an op got wrong is kept and reported by Sync. A failure of the
// device itself stays: every later Sync reports it, and only a new process helps.
package cuda
