// What the kernels need of the machine: CUDA's, or the simulation of cuda/simt when the GPU's compiler is not at work.
#pragma once

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>
#else
#include "../simt/simt.h"
#endif

namespace aircache {

using bf16 = __nv_bfloat16;

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

// Packed is 16 bytes of bf16 values: what one thread moves at a time.
union alignas(16) Packed {
  uint4 raw;
  bf16 value[8];
};

__device__ __forceinline__ Packed load_packed(const bf16* at) {
  Packed p;
  p.raw = *reinterpret_cast<const uint4*>(at);
  return p;
}

__device__ __forceinline__ void store_packed(bf16* at, const Packed& p) { *reinterpret_cast<uint4*>(at) = p.raw; }

// pack_pair makes one register of two values; the first is the lower half, as matrix fragments want it.
__device__ __forceinline__ uint32_t pack_pair(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&pair);
}

__device__ __forceinline__ unsigned char* dynamic_shared_memory() {
#ifdef __CUDACC__
  extern __shared__ __align__(128) unsigned char memory[];
  return memory;
#else
  return simt::dynamic_shared();
#endif
}

// launch runs a kernel and returns what the launch itself got wrong. Above 48 KiB of shared memory a kernel must ask.
template <class... Parameters, class... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared, cudaStream_t stream, Arguments... arguments) {
#ifdef __CUDACC__
  if (shared > (48 << 10)) {
    const cudaError_t refused = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize, int(shared));
    if (refused != cudaSuccess) return refused;
  }
  kernel<<<grid, block, shared, stream>>>(arguments...);
  return cudaGetLastError();
#else
  (void)stream;
  return simt::run(grid, block, shared, [=] { kernel(arguments...); });
#endif
}

}  // namespace aircache
