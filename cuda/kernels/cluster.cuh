// Blocks that run side by side and read each other's shared memory, as GPUs have them from sm_90 on. Elsewhere a cluster is one block.
#pragma once

#include "platform.cuh"

namespace aircache {

__device__ __forceinline__ int cluster_rank() {
#if !defined(__CUDACC__)
  return simt::cluster_rank();
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  int rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
#else
  return 0;
#endif
}

// arrive_in_cluster and wait_for_cluster are the halves of a barrier of all threads of a cluster; they take turns.
__device__ __forceinline__ void arrive_in_cluster() {
#if !defined(__CUDACC__)
  simt::arrive_in_cluster();
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
#endif
}

__device__ __forceinline__ void wait_for_cluster() {
#if !defined(__CUDACC__)
  simt::wait_for_cluster();
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
}

// load_of_block reads what lies at the same place of another block's shared memory.
__device__ __forceinline__ float4 load_of_block(const float4* at, int rank) {
#if !defined(__CUDACC__)
  return *simt::of_block(at, rank);
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  float4 v;
  uint32_t there;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(static_cast<uint32_t>(__cvta_generic_to_shared(at))), "r"(rank));
  asm volatile("ld.shared::cluster.v4.f32 {%0,%1,%2,%3}, [%4];" : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w) : "r"(there) : "memory");
  return v;
#else
  return *at;
#endif
}

}  // namespace aircache
