// From sums of the KV heads to one score a visual row; and the soft weights of the rows that look. Few bytes: launches decide.
#pragma once

#include "../src/score.h"
#include "reduce.cuh"

namespace aircache {

constexpr int kCollectThreads = 256;

// text_weights: a block a layer.
__global__ void __launch_bounds__(kCollectThreads) static text_weights(TextWeightParams p) {
  __shared__ float scratch[kCollectThreads / kWarp];
  const int layer = blockIdx.x;
  float* weight = p.weight + int64_t(layer) * p.rows;
  float mine = 0;
  for (int j = threadIdx.x; j < p.rows; j += kCollectThreads) {
    float sum = 0;
    for (int h = 0; h < p.kv; h++) sum += p.sum[(int64_t(layer) * p.kv + h) * p.rows + j];
    weight[j] = sum / (p.rows - j);
    mine += weight[j];
  }
  const float all = block_sum(mine, scratch);
  for (int j = threadIdx.x; j < p.rows; j += kCollectThreads)
    if (all > 0) weight[j] /= all;
}

__device__ __forceinline__ float heads_sum(const CollectParams& p, int layer, int c) {
  float sum = 0;
  for (int h = 0; h < p.kv; h++) sum += p.sum[(int64_t(layer) * p.kv + h) * p.shown + c];
  return sum;
}

// collect: a thread is a visual row that is shown; grid (shown / 256, layers). A neighbour that is on another line is none.
__global__ void __launch_bounds__(kCollectThreads) static collect(CollectParams p) {
  const int c = blockIdx.x * kCollectThreads + threadIdx.x, layer = blockIdx.y;
  if (c >= p.shown) return;
  float score = heads_sum(p, layer, c);
  if (p.pooling != kPoolNone) {
    int neighbours = 1;
    for (int d = -(p.width / 2); d <= p.width / 2; d++) {
      const int other = c + d;
      if (d == 0 || other < 0 || other >= p.shown || (p.line && p.line[other] != p.line[c])) continue;
      const float theirs = heads_sum(p, layer, other);
      score = p.pooling == kPoolMax ? max(score, theirs) : score + theirs;
      neighbours++;
    }
    if (p.pooling == kPoolMean) score /= neighbours;
  }
  p.score[int64_t(layer) * p.visual + (p.shown_at ? p.shown_at[c] : c)] = score;
}

__global__ void __launch_bounds__(kCollectThreads) static hide_padding(float* score, int64_t values) {
  const int64_t i = int64_t(blockIdx.x) * kCollectThreads + threadIdx.x;
  if (i < values) score[i] = -1;
}

// carry_on: one block walks over the layers; a thread keeps what its rows carry in shared memory.
__global__ void __launch_bounds__(1024) static carry_on(float* score, int layers, int visual, float carry) {
  __shared__ float scratch[32];
  float* carried = reinterpret_cast<float*>(dynamic_shared_memory());
  for (int layer = 0; layer < layers; layer++) {
    float* mine = score + int64_t(layer) * visual;
    float sum = 0;
    for (int v = threadIdx.x; v < visual; v += blockDim.x) sum += max(mine[v], 0.0f);
    const float strength = block_sum(sum, scratch);
    for (int v = threadIdx.x; v < visual; v += blockDim.x) {
      if (mine[v] < 0) continue;
      const float share = strength > 0 ? mine[v] / strength : 0;
      carried[v] = layer == 0 ? share : (1 - carry) * share + carry * carried[v];
      mine[v] = strength * carried[v];
    }
  }
}

}  // namespace aircache
