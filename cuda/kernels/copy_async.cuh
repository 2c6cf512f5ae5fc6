// Copies from device memory into shared memory that run while the thread goes on.
#pragma once

#include "platform.cuh"

namespace aircache {

// copy_async moves 16 bytes; where it is told not to, it writes zeros and reads nothing.
__device__ __forceinline__ void copy_async(void* to, const void* from, bool valid = true) {
#ifdef __CUDACC__
  const int filled = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(static_cast<uint32_t>(__cvta_generic_to_shared(to))), "l"(from), "r"(filled) : "memory");
#else
  simt::copy_async(to, from, 16, valid ? 16 : 0);
#endif
}

// Keeping says how the second-level cache treats what is copied.
using Keeping = uint64_t;

// read_once lets what will not be read again give way to all else.
__device__ __forceinline__ Keeping read_once() {
  Keeping k = 0;
#ifdef __CUDACC__
  asm("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(k));
#endif
  return k;
}

__device__ __forceinline__ void copy_async(void* to, const void* from, bool valid, Keeping keeping) {
#ifdef __CUDACC__
  const int filled = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global.L2::cache_hint.L2::128B [%0], [%1], 16, %2, %3;" ::"r"(static_cast<uint32_t>(__cvta_generic_to_shared(to))), "l"(from), "r"(filled), "l"(keeping)
               : "memory");
#else
  (void)keeping;
  copy_async(to, from, valid);
#endif
}

__device__ __forceinline__ void commit_copies() {
#ifdef __CUDACC__
  asm volatile("cp.async.commit_group;" ::: "memory");
#else
  simt::commit_copies();
#endif
}

// wait_copies returns when all but the youngest groups of this thread have landed. Other threads see them after a barrier.
template <int kGroupsInFlight>
__device__ __forceinline__ void wait_copies() {
#ifdef __CUDACC__
  asm volatile("cp.async.wait_group %0;" ::"n"(kGroupsInFlight) : "memory");
#else
  simt::wait_copies(kGroupsInFlight);
#endif
}

}  // namespace aircache
