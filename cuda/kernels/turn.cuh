// turn rotates the query and key heads of fused rows in place, as append does before it writes to the cache: for vision towers
// whose patches have places instead of a cache.
//
// A thread turns kWide pairs (i, i + dim/2) of a head. Bytes a row: (query + kv)*dim*2 read and written, dim*4 of angles: 16/16 heads
// of 80 are 10.6 KB, 4096 rows 43 MB, 14 us at 3.0 TB/s.
#pragma once

#include "../src/turn.h"
#include "values.cuh"

namespace aircache {

template <int kWide>
__global__ void turn(TurnParams p) {
  const int half = p.heads.dim / 2, parts = half / kWide, heads = p.heads.query + p.heads.kv;
  const int64_t n = int64_t(p.rows) * heads * parts;
  for (int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += int64_t(gridDim.x) * blockDim.x) {
    const int64_t row = i / (heads * parts);
    const int head = int(i / parts % heads), first = int(i % parts) * kWide;
    bf16* x = p.qkv + row * p.heads.width() + head * p.heads.dim + first;
    const float* angles = p.angles + row * p.heads.dim + first;
    float low[kWide], high[kWide], cosines[kWide], sines[kWide], turned[kWide];
    load_values(low, x);
    load_values(high, x + half);
    load_values(cosines, angles);
    load_values(sines, angles + half);
#pragma unroll
    for (int j = 0; j < kWide; j++) turned[j] = low[j] * cosines[j] - high[j] * sines[j];
    store_values(x, turned);
#pragma unroll
    for (int j = 0; j < kWide; j++) turned[j] = high[j] * cosines[j] + low[j] * sines[j];
    store_values(x + half, turned);
  }
}

}  // namespace aircache
