#include "../kernels/compact.cuh"

namespace aircache {

cudaError_t run_compact(const CompactParams& p, cudaStream_t stream) {
  if (p.layers < 1 || p.heads.dim % 8 != 0) return cudaErrorInvalidValue;
  return launch(compact, dim3(kCompactBlocks, p.layers), dim3(kCompactThreads), 0, stream, p);
}

}  // namespace aircache
