// Values of either precision in registers as float32: 8 at a time where rows and addresses allow 16-byte accesses, one otherwise.
#pragma once

#include <cuda_fp16.h>

#include "platform.cuh"

namespace aircache {

__device__ __forceinline__ float to_float(bf16 v) { return __bfloat162float(v); }
__device__ __forceinline__ float to_float(float v) { return v; }
__device__ __forceinline__ float to_float(__half v) { return __half2float(v); }

template <class T>
__device__ __forceinline__ T from_float(float v) {
  if constexpr (sizeof(T) == 2) return __float2bfloat16(v);
  else return v;
}

template <int kWide, class T>
__device__ __forceinline__ void load_values(float (&v)[kWide], const T* at) {
  static_assert(kWide == 1 || kWide == 8, "one access, or 16 bytes of bfloat16");
  if constexpr (kWide == 1) {
    v[0] = to_float(*at);
  } else if constexpr (sizeof(T) == 2) {
    union { uint4 raw; T value[8]; } packed;
    packed.raw = *reinterpret_cast<const uint4*>(at);
#pragma unroll
    for (int i = 0; i < 8; i++) v[i] = to_float(packed.value[i]);
  } else {
    const float4 low = *reinterpret_cast<const float4*>(at), high = *reinterpret_cast<const float4*>(at + 4);
    v[0] = low.x, v[1] = low.y, v[2] = low.z, v[3] = low.w, v[4] = high.x, v[5] = high.y, v[6] = high.z, v[7] = high.w;
  }
}

template <int kWide, class T>
__device__ __forceinline__ void store_values(T* at, const float (&v)[kWide]) {
  if constexpr (kWide == 1) {
    *at = from_float<T>(v[0]);
  } else if constexpr (sizeof(T) == 2) {
    Packed packed;
#pragma unroll
    for (int i = 0; i < 8; i++) packed.value[i] = __float2bfloat16(v[i]);
    store_packed(at, packed);
  } else {
    *reinterpret_cast<float4*>(at) = make_float4(v[0], v[1], v[2], v[3]);
    *reinterpret_cast<float4*>(at + 4) = make_float4(v[4], v[5], v[6], v[7]);
  }
}

// wide says whether 8 values at a time will do: the columns, and where the rows begin.
template <class... Pointers>
bool wide(int cols, Pointers... at) {
  return cols % 8 == 0 && (... && (reinterpret_cast<uintptr_t>(at) % 16 == 0));
}

}  // namespace aircache
