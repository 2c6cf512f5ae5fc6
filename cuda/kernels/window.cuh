// The observation window of each layer: the text rows to which the last one attends most.
//
//   relevance  part[l, h, j] of the last observed row   grid (kv, layers)
//   elite      count[l], list[l]                        grid (layers)
//
// At most 512 rows look, so bytes are few and launches decide: 13 and 6 us for 64 rows of 28 layers.
#pragma once

#include "../src/score.h"
#include "reduce.cuh"
#include "softmax.cuh"

namespace aircache {

constexpr int kMostObserved = 512;  // rows
constexpr int kRelevanceThreads = 256;

__device__ __forceinline__ const bf16* key_row(const Observed& seen, int layer, int head, int row) {
  const int page = seen.pages[seen.table[layer] + row / kPageTokens];
  return page_rows(seen.pool, page, seen.heads.kv, head, seen.heads.dim, false) + row % kPageTokens * seen.heads.dim;
}

// relevance: a warp takes every eighth key, a lane dim/32 values of it; then a warp takes a query's softmax.
template <int kDim>
__global__ void __launch_bounds__(kRelevanceThreads) relevance(RelevanceParams p) {
  constexpr int kValues = kDim / kWarp;
  __shared__ float weight[8][kMostObserved];
  const int head = blockIdx.x, layer = blockIdx.y, warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, rows = p.seen.rows;
  const int group = p.seen.heads.group();
  const bf16* last = p.seen.query[layer] + (int64_t(rows - 1) * p.seen.heads.query + head * group) * kDim + lane * kValues;
  float q[8][kValues];
#pragma unroll
  for (int g = 0; g < 8; g++)
#pragma unroll
    for (int i = 0; i < kValues; i++) q[g][i] = g < group ? __bfloat162float(last[g * kDim + i]) * p.scale : 0;
  for (int j = warp; j < rows; j += kRelevanceThreads / kWarp) {
    const bf16* key = key_row(p.seen, layer, head, p.seen.row[j]) + lane * kValues;
    float k[kValues];
#pragma unroll
    for (int i = 0; i < kValues; i++) k[i] = __bfloat162float(key[i]);
#pragma unroll
    for (int g = 0; g < 8; g++) {
      float score = 0;
#pragma unroll
      for (int i = 0; i < kValues; i++) score += q[g][i] * k[i];
      score = warp_sum(score);
      if (lane == 0) weight[g][j] = score;
    }
  }
  __syncthreads();
  if (warp < group) {
    float top = minus_infinity(), sum = 0;
    for (int j = lane; j < rows; j += kWarp) top = max(top, weight[warp][j]);
    top = warp_max(top);
    for (int j = lane; j < rows; j += kWarp) sum += weight[warp][j] = exp2_fast(weight[warp][j] - top);
    sum = warp_sum(sum);
    for (int j = lane; j < rows; j += kWarp) weight[warp][j] /= sum;
  }
  __syncthreads();
  for (int j = threadIdx.x; j < rows; j += blockDim.x) {
    float sum = 0;
    for (int g = 0; g < group; g++) sum += weight[g][j];
    p.part[(int64_t(layer) * p.seen.heads.kv + head) * rows + j] = sum;
  }
}

// elite: a thread is a row; its rank is the number of rows before it. Of equal ones the later comes first: it has seen more.
__global__ void __launch_bounds__(kMostObserved) static elite(EliteParams p) {
  __shared__ float shared[kMostObserved];
  __shared__ float scratch[kMostObserved / kWarp];
  __shared__ int counts[kMostObserved / kWarp];
  const int layer = blockIdx.x, j = threadIdx.x;
  float mine = -1;
  if (j < p.rows) {
    mine = 0;
    for (int h = 0; h < p.heads.kv; h++) mine += p.part[(int64_t(layer) * p.heads.kv + h) * p.rows + j];
    mine /= p.heads.query;
    p.relevance[int64_t(layer) * p.rows + j] = mine;
  }
  const bool broken = j < p.rows && !(mine >= 0 && mine <= 2);
  if (broken) {
    p.fault[layer] = 1;
    mine = 0;
  }
  shared[j] = mine;
  const float top = block_max(mine, scratch);
  int before = 0;
  for (int i = 0; i < p.rows; i++) before += shared[i] > mine || (shared[i] == mine && i > j);
  int reach;
  block_prefix(int(j < p.rows && double(mine) >= p.alpha * double(top)), counts, reach);
  const int size = min(min(max(reach, p.least), p.most), p.rows);
  const bool chosen = j < p.rows && before < size;
  int total;
  const int at = block_prefix(int(chosen), counts, total);
  if (chosen) p.list[int64_t(layer) * p.most + at] = j;
  if (j == 0) p.count[layer] = total;
}

}  // namespace aircache
