// Rows by number: gather, scatter, the lookup of tokens; and the angles of positions.
#pragma once

#include "values.cuh"

namespace aircache {

// move_rows: dst[i] = src[from[i]] or dst[to[i]] = src[i], a block a row. Unit is what a thread moves: 16, 4 or 2 bytes.
template <class Unit>
__global__ void move_rows(Unit* dst, const Unit* src, const int* from, const int* to, int units, int dst_stride, int src_stride) {
  const int row = blockIdx.x;
  Unit* d = dst + int64_t(to ? to[row] : row) * dst_stride;
  const Unit* s = src + int64_t(from ? from[row] : row) * src_stride;
  for (int i = threadIdx.x; i < units; i += blockDim.x) d[i] = s[i];
}

// embed: dst[i] = table[token[i]]; token -1 - slot is the last one sampled into that slot.
template <class Unit>
__global__ void embed(Unit* dst, const Unit* table, const int* token, const int* last, int units) {
  let_next_kernel_start();
  wait_for_previous_kernel();
  int id = token[blockIdx.x];
  if (id < 0) id = last[-1 - id];
  Unit* d = dst + int64_t(blockIdx.x) * units;
  const Unit* s = table + int64_t(id) * units;
  for (int i = threadIdx.x; i < units; i += blockDim.x) d[i] = s[i];
}

// blend: dst[i] is the sum of taps rows, each with its share.
template <int kWide, class T>
__global__ void blend(T* dst, const T* src, const int* rows, const float* shares, int taps, int cols) {
  rows += int64_t(blockIdx.x) * taps;
  shares += int64_t(blockIdx.x) * taps;
  T* d = dst + int64_t(blockIdx.x) * cols;
  for (int c = threadIdx.x * kWide; c < cols; c += blockDim.x * kWide) {
    float sum[kWide] = {};
    for (int t = 0; t < taps; t++) {
      float v[kWide];
      load_values(v, src + int64_t(rows[t]) * cols + c);
#pragma unroll
      for (int i = 0; i < kWide; i++) sum[i] += shares[t] * v[i];
    }
    store_values(d + c, sum);
  }
}

// angles: a block a row. The product is rounded to float32 before its cosine is taken, as transformers does.
__global__ void angles(float* dst, const float* inverse, const int* position, int half) {
  let_next_kernel_start();
  wait_for_previous_kernel();
  float* d = dst + int64_t(blockIdx.x) * 2 * half;
  const float at = float(position[blockIdx.x]);
  for (int i = threadIdx.x; i < half; i += blockDim.x) {
    const float angle = at * inverse[i];
    d[i] = cosf(angle);
    d[half + i] = sinf(angle);
  }
}

}  // namespace aircache
