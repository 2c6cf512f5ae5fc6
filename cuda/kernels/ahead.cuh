// Weights that the next product will read, on their way to the second-level cache while kernels run that need little of the memory.
#pragma once

#include "platform.cuh"

namespace aircache {

// Ahead is the head of a matrix, in lines of 128 bytes. No lines: nothing is brought.
struct Ahead {
  const char* at = nullptr;
  int lines = 0;
};

// fetch_early brings a line of device memory to the second-level cache.
__device__ __forceinline__ void fetch_early(const void* at) {
#ifdef __CUDACC__
  asm volatile("prefetch.global.L2 [%0];" ::"l"(at));
#else
  (void)at;
#endif
}

// fetch_ahead brings a part of what is ahead, with all threads of a block.
__device__ __forceinline__ void fetch_ahead(const Ahead& ahead, int part, int parts) {
  for (int i = part * blockDim.x + threadIdx.x; i < ahead.lines; i += parts * blockDim.x) fetch_early(ahead.at + int64_t(i) * 128);
}

constexpr int kFetchingBlocks = 128;  // of a kernel that has few of its own

}  // namespace aircache
