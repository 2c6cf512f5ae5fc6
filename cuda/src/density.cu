#include "density.h"

#include <math.h>

#include "../kernels/density.cuh"

namespace aircache {

cudaError_t run_density(float* share, const bf16* query, const bf16* pool, const int* pages, const int* row, int queries, float bar, Heads heads, cudaStream_t stream) {
  if (queries == 0) return cudaSuccess;
  if (heads.dim % 8 != 0 || !(bar > 0)) return cudaErrorInvalidValue;
  const DensityParams p{share, query, pool, pages, row, heads, 1 / sqrtf(float(heads.dim)), logf(bar)};
  return launch(density, dim3(queries, heads.query), dim3(kDensityThreads), 0, stream, p);
}

}  // namespace aircache
