// What works on values by themselves. Threads stride over groups of kWide values; all is memory-bound.
#pragma once

#include "values.cuh"

namespace aircache {

// add_repeated: dst[i] += x[i % period], in values.
template <int kWide, class T, class X>
__global__ void add_repeated(T* dst, const X* x, int64_t n, int64_t period) {
  for (int64_t i = (int64_t(blockIdx.x) * blockDim.x + threadIdx.x) * kWide; i < n; i += int64_t(gridDim.x) * blockDim.x * kWide) {
    float a[kWide], b[kWide];
    load_values(a, dst + i);
    load_values(b, x + i % period);
#pragma unroll
    for (int j = 0; j < kWide; j++) a[j] += b[j];
    store_values(dst + i, a);
  }
}

template <int kWide, class To, class From>
__global__ void convert(To* dst, const From* src, int64_t n) {
  for (int64_t i = (int64_t(blockIdx.x) * blockDim.x + threadIdx.x) * kWide; i < n; i += int64_t(gridDim.x) * blockDim.x * kWide) {
    float v[kWide];
    load_values(v, src + i);
    store_values(dst + i, v);
  }
}

__device__ __forceinline__ float gelu(float x) { return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f)); }

__device__ __forceinline__ float gelu_tanh(float x) {
  return 0.5f * x * (1.0f + tanhf(0.79788456080286536f * (x + 0.044715f * x * x * x)));
}

__device__ __forceinline__ float quick_gelu(float x) { return x / (1.0f + expf(-1.702f * x)); }

__device__ __forceinline__ float activated(float x, int function) {
  return function == 0 ? gelu(x) : function == 1 ? gelu_tanh(x) : quick_gelu(x);
}

__device__ __forceinline__ float silu(float x) { return x / (1.0f + expf(-x)); }

template <int kWide, class T>
__global__ void activate(T* x, int64_t n, int function) {
  for (int64_t i = (int64_t(blockIdx.x) * blockDim.x + threadIdx.x) * kWide; i < n; i += int64_t(gridDim.x) * blockDim.x * kWide) {
    float v[kWide];
    load_values(v, x + i);
#pragma unroll
    for (int j = 0; j < kWide; j++) v[j] = activated(v[j], function);
    store_values(x + i, v);
  }
}

// gated_silu: dst = silu(left half of x) * right half. 32 x 18944 columns of x2: 3.6 MB, 1.2 us of memory time.
template <int kWide, class T>
__global__ void gated_silu(T* dst, const T* x, int rows, int cols) {
  const int64_t n = int64_t(rows) * cols;
  let_next_kernel_start();
  wait_for_previous_kernel();
  for (int64_t i = (int64_t(blockIdx.x) * blockDim.x + threadIdx.x) * kWide; i < n; i += int64_t(gridDim.x) * blockDim.x * kWide) {
    const int64_t row = i / cols;
    const T* gate = x + row * 2 * cols + (i - row * cols);
    float g[kWide], u[kWide];
    load_values(g, gate);
    load_values(u, gate + cols);
#pragma unroll
    for (int j = 0; j < kWide; j++) g[j] = silu(g[j]) * u[j];
    store_values(dst + i, g);
  }
}

}  // namespace aircache
