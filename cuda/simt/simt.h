// The parts of CUDA that our kernels use, run on the CPU: every thread of a block is a coroutine, blocks follow each other.
//
// It exists so that a machine without a GPU runs the kernels' own source against the references in cuda/ref. It is strict
// where a GPU is lenient: shared memory starts as NaN, what cp.async has not landed reads as NaN, a barrier that not all
// threads reach ends the program, and AIRCACHE_SIMT_ORDER=1.. runs the threads in other orders. It says nothing about speed.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>

namespace simt {

struct Thread;
extern Thread* now;
extern dim3 block_index, block_size, grid_size;

const uint3& thread_index();
unsigned char* dynamic_shared();
int lane();
void sync_block();
void sync_warp();
// deposit shows a value of at most 16 bytes to the warp; it returns when all lanes have done so.
const unsigned char (*deposit(const void* value, size_t bytes))[16];

void copy_async(void* to, const void* from, size_t bytes, size_t filled);
void commit_copies();
void wait_copies(int groups_in_flight);

void mma(float c[4], const uint32_t a[4], const uint32_t b[2]);
void load_matrices(uint32_t r[4], const void* row, bool transposed);
uint32_t transpose_matrix(uint32_t r);

// run takes clusters of blocks one after the other; the blocks of one run side by side.
cudaError_t run(dim3 grid, dim3 block, size_t shared, const std::function<void()>& body, int cluster = 1);
int cluster_rank();
void arrive_in_cluster();
void wait_for_cluster();
const void* of_block(const void* at, int rank, size_t bytes);
template <class T>
const T* of_block(const T* at, int rank) { return static_cast<const T*>(of_block(at, rank, sizeof(T))); }
// queue does the work now, or when the graph that is being captured is launched.
cudaError_t queue(std::function<void()> work);

template <class T>
T from_lane(T value, int source) {
  T out;
  std::memcpy(&out, deposit(&value, sizeof value)[source & 31], sizeof out);
  return out;
}

}  // namespace simt

#undef __shared__
#define __shared__ static
#undef __launch_bounds__
#define __launch_bounds__(...)
#undef __forceinline__
#define __forceinline__ inline
#define threadIdx (simt::thread_index())
#define blockIdx (simt::block_index)
#define blockDim (simt::block_size)
#define gridDim (simt::grid_size)

inline void __syncthreads() { simt::sync_block(); }
inline void __syncwarp(unsigned = ~0u) { simt::sync_warp(); }
inline void __threadfence() {}

template <class T> T __shfl_sync(unsigned, T v, int source) { return simt::from_lane(v, source); }
template <class T> T __shfl_xor_sync(unsigned, T v, int mask) { return simt::from_lane(v, simt::lane() ^ mask); }
template <class T> T __shfl_up_sync(unsigned, T v, int delta) {
  const int source = simt::lane() - delta;
  return simt::from_lane(v, source < 0 ? simt::lane() : source);
}
inline unsigned __ballot_sync(unsigned, int predicate) {
  const char bit = predicate != 0;
  auto all = simt::deposit(&bit, 1);
  unsigned mask = 0;
  for (int i = 0; i < 32; i++) mask |= unsigned(all[i][0] != 0) << i;
  return mask;
}

template <class T, class U> T atomicAdd(T* at, U v) { const T old = *at; *at = T(old + v); return old; }
template <class T> T atomicOr(T* at, T v) { const T old = *at; *at = old | v; return old; }
template <class T> T __ldcg(const T* at) { return *at; }
template <class T> T __ldg(const T* at) { return *at; }
template <class T> void __stcs(T* at, T v) { *at = v; }

inline int __popc(unsigned v) { return __builtin_popcount(v); }
inline unsigned __float_as_uint(float v) { unsigned u; std::memcpy(&u, &v, 4); return u; }
inline float __uint_as_float(unsigned u) { float v; std::memcpy(&v, &u, 4); return v; }
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned((uint64_t(a) * b) >> 32); }

template <class T> T min(T a, T b) { return b < a ? b : a; }
template <class T> T max(T a, T b) { return a < b ? b : a; }
