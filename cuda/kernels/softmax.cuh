// Running softmax in base 2: scores are multiplied by log2(e)/sqrt(dim) once, and e^x becomes one instruction.
#pragma once

#include "platform.cuh"

namespace aircache {

constexpr float kLog2E = 1.4426950408889634f;

__device__ __forceinline__ float minus_infinity() { return __uint_as_float(0xff800000u); }

__device__ __forceinline__ float exp2_fast(float x) {
#ifdef __CUDACC__
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return exp2f(x);
#endif
}

// shrink is the factor for sums taken below an old maximum when the new one is higher; a maximum of nothing is -infinity.
__device__ __forceinline__ float shrink(float old_top, float new_top) {
  return old_top == new_top ? 1.0f : exp2_fast(old_top - new_top);
}

}  // namespace aircache
