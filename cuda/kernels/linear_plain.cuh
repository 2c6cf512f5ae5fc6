// linear_plain multiplies what cuBLASLt does not take: odd widths, unaligned views. Correct for every shape, fast for none.
//
// A block makes 16 x 16 results from 16 x 16 tiles of both operands in shared memory.
#pragma once

#include "values.cuh"

namespace aircache {

constexpr int kPlainTile = 16;

template <class T, class Out>
struct LinearParams {
  Out* dst;       // [m, n]
  const T* x;     // [m, k]
  const T* w;     // [n, k]
  const T* bias;  // [n] or null
  int m, n, k;
  bool add;
};

template <class T, class Out>
__global__ void linear_plain(LinearParams<T, Out> p) {
  __shared__ float xs[kPlainTile][kPlainTile + 1], ws[kPlainTile][kPlainTile + 1];
  const int column = threadIdx.x % kPlainTile, line = threadIdx.x / kPlainTile;
  const int row = blockIdx.y * kPlainTile + line, first = blockIdx.x * kPlainTile, n = first + column;
  float sum = 0;
  for (int k = 0; k < p.k; k += kPlainTile) {
    xs[line][column] = row < p.m && k + column < p.k ? to_float(p.x[int64_t(row) * p.k + k + column]) : 0;
    ws[line][column] = first + line < p.n && k + column < p.k ? to_float(p.w[int64_t(first + line) * p.k + k + column]) : 0;
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kPlainTile; i++) sum += xs[line][i] * ws[column][i];
    __syncthreads();
  }
  if (row >= p.m || n >= p.n) return;
  Out* at = p.dst + int64_t(row) * p.n + n;
  if (p.bias) sum += to_float(p.bias[n]);
  if (p.add) sum += to_float(*at);
  *at = from_float<Out>(sum);
}

}  // namespace aircache
