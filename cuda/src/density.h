#pragma once

#include "../kernels/pages.cuh"

namespace aircache {

// run_density: share is [queries, query heads]; query [queries, query * dim]; row and pages lie on the device. bar: over 0 to 1.
cudaError_t run_density(float* share, const bf16* query, const bf16* pool, const int* pages, const int* row, int queries, float bar, Heads heads, cudaStream_t stream);

}  // namespace aircache
