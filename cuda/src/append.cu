#include "../kernels/append.cuh"

namespace aircache {

cudaError_t run_append(const AppendParams& p, cudaStream_t stream) {
  if (p.batch.rows == 0) return cudaSuccess;
  if (p.heads.dim % 16 != 0 || p.heads.kv == 0) return cudaErrorInvalidValue;
  return launch(append, overlapping(dim3(p.batch.rows), dim3(kAppendThreads), stream), p);
}

}  // namespace aircache
