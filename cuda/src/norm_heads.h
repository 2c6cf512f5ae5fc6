#pragma once

#include "../kernels/values.cuh"

namespace aircache {

struct NormHeadsParams {
  bf16* qkv;           // [rows, width]
  const bf16* query;   // [query_cols]
  const bf16* key;     // [key_cols]
  int rows, width;
  int queries, query_cols;  // norms of a row's queries, and the values of each
  int keys, key_cols;
  float eps;
};

cudaError_t run_norm_heads(const NormHeadsParams& p, cudaStream_t stream);

}  // namespace aircache
