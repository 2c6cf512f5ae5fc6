// norm_heads: RMS norms of the queries and keys of fused rows, in place: of each head alone, or of all heads of a kind at once. A
// block is one norm: they lie in x by row and in y by their place in the row.
//
// Bytes: rows*(query + kv)*dim*4, read and written. 32/8 heads of 128, a decode step of 32: 0.7 MB, launch time; 8192 rows: 168 MB,
// 56 us at 3.0 TB/s.
#pragma once

#include "../src/norm_heads.h"
#include "reduce.cuh"
#include "values.cuh"

namespace aircache {

template <int kWide>
__global__ void norm_heads(NormHeadsParams p) {
  __shared__ float scratch[33];
  const int norm = blockIdx.y;
  const bool query = norm < p.queries;
  const int cols = query ? p.query_cols : p.key_cols;
  const bf16* weight = query ? p.query : p.key;
  bf16* x = p.qkv + int64_t(blockIdx.x) * p.width + (query ? norm * p.query_cols : p.queries * p.query_cols + (norm - p.queries) * p.key_cols);
  float squares = 0;
  for (int c = threadIdx.x * kWide; c < cols; c += blockDim.x * kWide) {
    float v[kWide];
    load_values(v, x + c);
#pragma unroll
    for (int i = 0; i < kWide; i++) squares += v[i] * v[i];
  }
  const float scale = 1.0f / sqrtf(block_sum(squares, scratch) / cols + p.eps);
  for (int c = threadIdx.x * kWide; c < cols; c += blockDim.x * kWide) {
    float v[kWide], w[kWide];
    load_values(v, x + c);
    load_values(w, weight + c);
#pragma unroll
    for (int i = 0; i < kWide; i++) v[i] *= scale * w[i];
    store_values(x + c, v);
  }
}

}  // namespace aircache
