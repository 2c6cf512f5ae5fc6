#pragma once

#include "../kernels/pages.cuh"

namespace aircache {

struct AppendParams {
  bf16* qkv;            // [rows, width]
  const float* angles;  // [rows, dim]: cosines of dim/2 frequencies, then their sines
  bf16* pool;
  Batch batch;
  int layer;
  Heads heads;
};

// run_append takes head dims that are a multiple of 16, and pages enough for every row.
cudaError_t run_append(const AppendParams& p, cudaStream_t stream);

}  // namespace aircache
