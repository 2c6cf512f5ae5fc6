#pragma once

#include "../kernels/pages.cuh"

namespace aircache {

struct TurnParams {
  bf16* qkv;            // [rows, width]
  const float* angles;  // [rows, dim]: cosines of dim/2 pairs, then their sines
  int rows;
  Heads heads;
};

// run_turn takes even head dims.
cudaError_t run_turn(const TurnParams& p, cudaStream_t stream);

}  // namespace aircache
