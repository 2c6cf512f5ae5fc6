// What is made of the sums of the KV heads: weights of the window's rows, and one score and one order of the visual rows.
//
// received and collect are a block a layer and read some 160 KB each at 8192 rows: launch time. lengths reads the values of all visual
// rows once, a warp a row: 235 MB at 28 x 8192 x 4 x 128, 80 us at 3.0 TB/s.
#pragma once

#include "../src/score.h"
#include "reduce.cuh"

namespace aircache {

constexpr int kCollectThreads = 1024;
constexpr int kLengthThreads = 256;
constexpr int kMostShown = 49152;  // scores of a layer lie in shared memory

__global__ void __launch_bounds__(kCollectThreads) static received(ReceivedParams p) {
  __shared__ float scratch[kCollectThreads / kWarp];
  const int layer = blockIdx.x, count = p.window.count ? p.window.count[layer] : p.rows;
  float* weight = p.weight + int64_t(layer) * p.rows;
  auto row = [&](int i) { return p.window.list ? p.window.list[int64_t(layer) * p.window.most + i] : i; };
  float mine = 0;
  for (int i = threadIdx.x; i < count; i += kCollectThreads) {
    const int j = row(i);
    float sum = 0;
    for (int h = 0; h < p.kv; h++) sum += p.sum[(int64_t(layer) * p.kv + h) * p.rows + j];
    weight[j] = sum / (p.rows - j);
    mine += weight[j];
  }
  const float all = block_sum(mine, scratch);
  for (int i = threadIdx.x; i < count; i += kCollectThreads) weight[row(i)] = all > 0 ? weight[row(i)] / all : 1.0f / count;
}

// lengths: a warp is a row of the picture; a lane takes 16 bytes of a head at a time.
__global__ void __launch_bounds__(kLengthThreads) static lengths(LengthParams p) {
  const int layer = blockIdx.y, lane = threadIdx.x % kWarp, c = blockIdx.x * (kLengthThreads / kWarp) + threadIdx.x / kWarp;
  if (c >= p.columns.count) return;
  const Heads h = p.seen.heads;
  const int row = p.columns.row ? p.columns.row[c] : c, chunks = h.dim / 8;
  const int page = p.seen.pages[p.seen.table[layer] + row / kPageTokens];
  float sum = 0;
#pragma unroll 4
  for (int i = lane; i < h.kv * chunks; i += kWarp) {
    const Packed v = load_packed(page_rows(p.seen.pool, page, h.kv, i / chunks, h.dim, true) + row % kPageTokens * h.dim + i % chunks * 8);
#pragma unroll
    for (int j = 0; j < 8; j++) sum += __bfloat162float(v.value[j]) * __bfloat162float(v.value[j]);
  }
  sum = warp_sum(sum);
  if (lane == 0) p.length[int64_t(layer) * p.columns.count + c] = sqrtf(sum);
}

// add_part is sum + part * value with both roundings, as the CPU's code has them, so that equal scores stay equal.
__device__ __forceinline__ float add_part(float sum, float part, float value) {
#ifdef __CUDACC__
  return __fadd_rn(sum, __fmul_rn(part, value));
#else
  return sum + part * value;
#endif
}

// neighbours_share adds what the rows around have, in the order of the prompt.
__device__ inline float neighbours_share(const CollectParams& p, const float* score, int c) {
  auto part = [&](int other) { return 1.0f - float(abs(p.row[other] - p.row[c])) / float(p.reach + 1); };
  float sum = score[c];
  int first = c;
  while (first > 0 && p.row[c] - p.row[first - 1] <= p.reach) first--;
  for (int other = first; other < c; other++) sum = add_part(sum, part(other), score[other]);
  for (int other = c + 1; other < p.shown && p.row[other] - p.row[c] <= p.reach; other++) sum = add_part(sum, part(other), score[other]);
  return sum;
}

__global__ void __launch_bounds__(kCollectThreads) static collect(CollectParams p) {
  __shared__ double scratch[kCollectThreads / kWarp];
  float* score = reinterpret_cast<float*>(dynamic_shared_memory());  // [shown]
  const int layer = blockIdx.x;
  const float* length = p.length ? p.length + int64_t(layer) * p.shown : nullptr;
  double mean = 0;
  if (length) {
    for (int c = threadIdx.x; c < p.shown; c += kCollectThreads) mean += length[c];
    mean = block_sum(mean, scratch) / p.shown;
  }
  const bool scaled = mean > 0 && mean <= 3.0e38;
  for (int c = threadIdx.x; c < p.shown; c += kCollectThreads) {
    float sum = 0;
    for (int h = 0; h < p.kv; h++) sum += p.sum[(int64_t(layer) * p.kv + h) * p.shown + c];
    score[c] = scaled ? sum * float(length[c] / mean) : sum;
  }
  const int64_t first = int64_t(layer) * p.visual;
  if (p.shown_at)
    for (int v = threadIdx.x; v < p.visual; v += kCollectThreads) p.score[first + v] = p.order[first + v] = -1;
  __syncthreads();
  for (int c = threadIdx.x; c < p.shown; c += kCollectThreads) {
    const int64_t at = first + (p.shown_at ? p.shown_at[c] : c);
    p.score[at] = score[c];
    if (p.order != p.score) p.order[at] = neighbours_share(p, score, c);
  }
}

}  // namespace aircache
