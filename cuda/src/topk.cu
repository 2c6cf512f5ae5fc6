#include "../kernels/topk.cuh"

namespace aircache {

cudaError_t run_top(const TopParams& p, cudaStream_t stream) {
  if (p.visual < 1 || p.visual > kMostVisual || p.layers < 1 || p.quotas < 1) return cudaErrorInvalidValue;
  return launch(top, dim3(p.quotas, p.layers), dim3(kTopThreads), p.visual * sizeof(unsigned), stream, p);
}

}  // namespace aircache
