// compact gathers kept rows into fresh pages: a warp moves a row, all heads, K and V, 16 bytes a lane.
//
// Where a row goes follows from counts alone: the i-th kept visual row has all text before it and i visual rows, a text row the
// kept visual rows with lower positions, found by bisection.
//
// Bytes: 2 * (2 * kv * dim * 2) a kept row: 10 % of 8192 rows and 64 of text, 28 layers, 4 x 128: 101 MB, 34 us at 3.0 TB/s.
#pragma once

#include "../src/compact.h"

namespace aircache {

constexpr int kCompactThreads = 256;
constexpr int kCompactBlocks = 48;  // of a layer: 28 layers make ten blocks an SM

// kept_below counts the kept positions under a visual position.
__device__ __forceinline__ int kept_below(const int* kept, int count, int position) {
  int low = 0, high = count;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (kept[middle] < position) low = middle + 1; else high = middle;
  }
  return low;
}

__global__ void __launch_bounds__(kCompactThreads) static compact(CompactParams p) {
  const int layer = blockIdx.y, warps = kCompactThreads / kWarp, lane = threadIdx.x % kWarp;
  const int budget = p.budget[layer], dim = p.heads.dim, chunks = dim / 8;
  const int* kept = p.kept + int64_t(layer) * p.visual;
  const int *from_pages = p.pages + p.table[layer], *to_pages = p.fresh + p.to[layer];
  for (int i = blockIdx.x * warps + threadIdx.x / kWarp; i < budget + p.text; i += gridDim.x * warps) {
    int from, to;
    if (i < budget) {
      from = p.visual_row[kept[i]];
      to = i + from - kept[i];
    } else {
      const int t = i - budget;
      from = p.text_row[t];
      to = t + kept_below(kept, budget, from - t);
    }
    const int source = from_pages[from / kPageTokens], target = to_pages[to / kPageTokens];
    for (int c = lane; c < 2 * p.heads.kv * chunks; c += kWarp) {
      const int part = c / chunks, column = c % chunks * 8, head = part % p.heads.kv;
      const bool values = part >= p.heads.kv;
      const Packed row = load_packed(page_rows(static_cast<const bf16*>(p.pool), source, p.heads.kv, head, dim, values) + from % kPageTokens * dim + column);
      store_packed(page_rows(p.pool, target, p.heads.kv, head, dim, values) + to % kPageTokens * dim + column, row);
    }
  }
}

}  // namespace aircache
