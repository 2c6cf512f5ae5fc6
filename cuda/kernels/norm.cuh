// layer_norm and rms_norm: a block is a row; the row is read again from the first-level cache for each pass.
//
// Bytes: rows*cols*4 (read, written) and the weights once. 32 x 3584: 0.46 MB, launch time; 8192 x 3584: 117 MB, 39 us at 3.0 TB/s.
#pragma once

#include "ahead.cuh"
#include "reduce.cuh"
#include "values.cuh"

namespace aircache {

template <class T>
struct NormParams {
  T* dst;
  const T* x;
  const T* weight;
  const T* bias;  // layer_norm's
  int rows, cols;
  float eps;
  Ahead ahead;  // rms_norm's: blocks behind those of the rows bring it
};

// sum_over adds f(value) over the block's row.
template <int kWide, class T, class F>
__device__ float sum_over(const T* x, int cols, float* scratch, F f) {
  float sum = 0;
  for (int c = threadIdx.x * kWide; c < cols; c += blockDim.x * kWide) {
    float v[kWide];
    load_values(v, x + c);
#pragma unroll
    for (int i = 0; i < kWide; i++) sum += f(v[i]);
  }
  return block_sum(sum, scratch);
}

// rms_norm reads its weights while the kernel before it ends.
template <int kWide, class T>
__global__ void rms_norm(NormParams<T> p) {
  __shared__ float scratch[33];
  if (int(blockIdx.x) >= p.rows) {
    let_next_kernel_start();
    return fetch_ahead(p.ahead, blockIdx.x - p.rows, gridDim.x - p.rows);
  }
  const T* x = p.x + int64_t(blockIdx.x) * p.cols;
  T* dst = p.dst + int64_t(blockIdx.x) * p.cols;
  const int first = threadIdx.x * kWide;
  float w[kWide];
  if (first < p.cols) load_values(w, p.weight + first);
  let_next_kernel_start();
  wait_for_previous_kernel();
  const float squares = sum_over<kWide>(x, p.cols, scratch, [](float v) { return v * v; });
  const float scale = 1.0f / sqrtf(squares / p.cols + p.eps);
  for (int c = first; c < p.cols; c += blockDim.x * kWide) {
    float v[kWide];
    load_values(v, x + c);
    if (c > first) load_values(w, p.weight + c);
#pragma unroll
    for (int i = 0; i < kWide; i++) v[i] *= scale * w[i];
    store_values(dst + c, v);
  }
}

template <int kWide, class T>
__global__ void layer_norm(NormParams<T> p) {
  __shared__ float scratch[33];
  const T* x = p.x + int64_t(blockIdx.x) * p.cols;
  T* dst = p.dst + int64_t(blockIdx.x) * p.cols;
  const float mean = sum_over<kWide>(x, p.cols, scratch, [](float v) { return v; }) / p.cols;
  const float squares = sum_over<kWide>(x, p.cols, scratch, [mean](float v) { return (v - mean) * (v - mean); });
  const float scale = 1.0f / sqrtf(squares / p.cols + p.eps);
  for (int c = threadIdx.x * kWide; c < p.cols; c += blockDim.x * kWide) {
    float v[kWide], w[kWide], b[kWide];
    load_values(v, x + c);
    load_values(w, p.weight + c);
    load_values(b, p.bias + c);
#pragma unroll
    for (int i = 0; i < kWide; i++) v[i] = (v[i] - mean) * scale * w[i] + b[i];
    store_values(dst + c, v);
  }
}

}  // namespace aircache
