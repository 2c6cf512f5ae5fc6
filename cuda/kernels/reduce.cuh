// Sums and maxima over a warp or a block. The order of the additions is fixed: the same values give the same sum.
#pragma once

#include "platform.cuh"

namespace aircache {

template <class T>
__device__ __forceinline__ T warp_sum(T v) {
#pragma unroll
  for (int mask = 16; mask > 0; mask >>= 1) v += __shfl_xor_sync(kAllLanes, v, mask);
  return v;
}

template <class T>
__device__ __forceinline__ T warp_max(T v) {
#pragma unroll
  for (int mask = 16; mask > 0; mask >>= 1) v = max(v, __shfl_xor_sync(kAllLanes, v, mask));
  return v;
}

// warp_prefix is the sum of the values of this lane and all lower ones.
template <class T>
__device__ __forceinline__ T warp_prefix(T v) {
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int delta = 1; delta < kWarp; delta <<= 1) {
    const T below = __shfl_up_sync(kAllLanes, v, delta);
    if (lane >= delta) v += below;
  }
  return v;
}

// block_sum gives every thread the sum; scratch holds a value for each warp.
template <class T>
__device__ T block_sum(T v, T* scratch) {
  const int warp = threadIdx.x / kWarp, warps = blockDim.x / kWarp;
  v = warp_sum(v);
  __syncthreads();
  if (threadIdx.x % kWarp == 0) scratch[warp] = v;
  __syncthreads();
  T sum = scratch[0];
  for (int w = 1; w < warps; w++) sum += scratch[w];
  return sum;
}

template <class T>
__device__ T block_max(T v, T* scratch) {
  const int warp = threadIdx.x / kWarp, warps = blockDim.x / kWarp;
  v = warp_max(v);
  __syncthreads();
  if (threadIdx.x % kWarp == 0) scratch[warp] = v;
  __syncthreads();
  T top = scratch[0];
  for (int w = 1; w < warps; w++) top = max(top, scratch[w]);
  return top;
}

// block_prefix gives every thread the sum over all lower threads, and the sum over all in total.
template <class T>
__device__ inline T block_prefix(T v, T* scratch, T& total) {
  const int warp = threadIdx.x / kWarp, warps = blockDim.x / kWarp;
  const T inside = warp_prefix(v);
  __syncthreads();
  if (threadIdx.x % kWarp == kWarp - 1) scratch[warp] = inside;
  __syncthreads();
  T below = 0;
  total = 0;
  for (int w = 0; w < warps; w++) {
    if (w < warp) below += scratch[w];
    total += scratch[w];
  }
  return below + inside - v;
}

}  // namespace aircache
