// density: the share of the rows up to an observed one whose softmax weight is at least bar times the highest, for one head.
//
// weight >= bar * highest is score >= top + log(bar): no exponentials. A block is an observed row and a head; it computes the
// scores twice. For studies of attention, not for serving: no tensor cores.
#pragma once

#include "pages.cuh"
#include "reduce.cuh"
#include "values.cuh"

namespace aircache {

struct DensityParams {
  float* share;       // [queries, query heads]
  const bf16* query;  // [queries, query * dim]
  const bf16* pool;
  const int* pages;
  const int* row;  // [queries] cache row of each
  Heads heads;
  float scale;    // 1 / sqrt(dim)
  float log_bar;  // natural
};

constexpr int kDensityThreads = 128;

__global__ void __launch_bounds__(kDensityThreads) density(DensityParams p) {
  __shared__ float scratch[33];
  __shared__ int counts[33];
  const int dim = p.heads.dim, head = blockIdx.y, seen = p.row[blockIdx.x] + 1;
  const bf16* q = p.query + (int64_t(blockIdx.x) * p.heads.query + head) * dim;
  const auto score = [&](int row) {
    const bf16* key = page_rows(p.pool, p.pages[row / kPageTokens], p.heads.kv, head / p.heads.group(), dim, false) + row % kPageTokens * dim;
    float sum = 0;
    for (int c = 0; c < dim; c += 8) {
      float a[8], b[8];
      load_values(a, q + c);
      load_values(b, key + c);
#pragma unroll
      for (int i = 0; i < 8; i++) sum += a[i] * b[i];
    }
    return sum * p.scale;
  };
  float top = __uint_as_float(0xff800000u);
  for (int r = threadIdx.x; r < seen; r += blockDim.x) top = max(top, score(r));
  const float bar = block_max(top, scratch) + p.log_bar;
  int reached = 0;
  for (int r = threadIdx.x; r < seen; r += blockDim.x) reached += score(r) >= bar;
  reached = block_sum(reached, counts);
  if (threadIdx.x == 0) p.share[blockIdx.x * p.heads.query + head] = float(reached) / float(seen);
}

}  // namespace aircache
