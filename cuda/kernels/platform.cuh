// What the kernels need of the machine: CUDA's, or the simulation of cuda/simt when the GPU's compiler is not at work.
#pragma once

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>
#else
#include "../simt/simt.h"
#endif

#include <stdlib.h>

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

// wait_for_previous_kernel and let_next_kernel_start overlap a kernel's start with the end of the one before it, where launch was
// told to; elsewhere they do nothing.
__device__ __forceinline__ void wait_for_previous_kernel() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

__device__ __forceinline__ void let_next_kernel_start() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}

// shared_memory_of_a_block is the most that a kernel may ask for: 227 KiB on an H100, 163 on an A100, 99 on sm_86, sm_89 and sm_120.
// AIRCACHE_SHARED_MEMORY asks for less, so that tests come to the kernels of smaller GPUs too.
inline cudaError_t shared_memory_of_a_block(int* bytes) {
  int device = 0;
  cudaError_t e = cudaGetDevice(&device);
  if (e == cudaSuccess) e = cudaDeviceGetAttribute(bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  if (const char* less = getenv("AIRCACHE_SHARED_MEMORY")) *bytes = atoi(less);
  return e;
}

// has_clusters says whether blocks can read each other's shared memory, and kernels start before the one before them has ended.
inline bool has_clusters() {
  int device = 0, major = 0;
  return cudaGetDevice(&device) == cudaSuccess && cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess && major >= 9;
}

// kernels_overlap: AIRCACHE_OVERLAP=0 forbids it, to tell what it brings.
inline bool kernels_overlap() {
  const char* wanted = getenv("AIRCACHE_OVERLAP");
  return !(wanted && atoi(wanted) == 0) && has_clusters();
}

// Work is where and how a kernel runs.
struct Work {
  dim3 grid, block;
  size_t shared;
  cudaStream_t stream;
  bool overlapping;  // may start before the kernel before it ends; needs capability 9.0
  int cluster = 1;   // blocks that run side by side, see cluster.cuh; the grid is a multiple of them
};

// kUnaskedShared of shared memory fits, with what a kernel declares itself, into the 48 KiB that it has without asking.
constexpr size_t kUnaskedShared = 24 << 10;

// overlapping is a kernel that waits for the one before it itself, in all its blocks that read or write what others do too.
inline Work overlapping(dim3 grid, dim3 block, cudaStream_t stream, size_t shared = 0) { return {grid, block, shared, stream, kernels_overlap()}; }

// launch runs a kernel and returns what the launch itself got wrong.
template <class... Parameters, class... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), const Work& work, Arguments... arguments) {
#ifdef __CUDACC__
  if (work.shared > kUnaskedShared) {
    const cudaError_t refused = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize, int(work.shared));
    if (refused != cudaSuccess) return refused;
  }
  // All kernels that overlap cut an SM's memory the same way: to cut it anew, an SM has to be empty.
  if (work.overlapping) {
    const cudaError_t refused = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributePreferredSharedMemoryCarveout, cudaSharedmemCarveoutMaxShared);
    if (refused != cudaSuccess) return refused;
  }
  cudaLaunchAttribute attributes[2];
  unsigned count = 0;
  if (work.overlapping) {
    attributes[count].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes[count++].val.programmaticStreamSerializationAllowed = 1;
  }
  if (work.cluster > 1) {
    attributes[count].id = cudaLaunchAttributeClusterDimension;
    attributes[count].val.clusterDim.x = work.cluster, attributes[count].val.clusterDim.y = attributes[count].val.clusterDim.z = 1;
    count++;
  }
  cudaLaunchConfig_t config = {};
  config.gridDim = work.grid, config.blockDim = work.block, config.dynamicSmemBytes = work.shared, config.stream = work.stream;
  config.attrs = attributes, config.numAttrs = count;
  const cudaError_t e = cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...);
  return e != cudaSuccess ? e : cudaGetLastError();
#else
  return simt::run(work.grid, work.block, work.shared, [=] { kernel(arguments...); }, work.cluster);
#endif
}

// want_shared_memory asks for as much of it as a multiprocessor has, so that several blocks of a kernel fit side by side.
template <class... Parameters>
cudaError_t want_shared_memory(void (*kernel)(Parameters...)) {
#ifdef __CUDACC__
  return cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributePreferredSharedMemoryCarveout, cudaSharedmemCarveoutMaxShared);
#else
  return cudaSuccess;
#endif
}

template <class... Parameters, class... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared, cudaStream_t stream, Arguments... arguments) {
  return launch(kernel, Work{grid, block, shared, stream, false}, arguments...);
}

}  // namespace aircache
