// top finds the k largest numbers of a layer by their bits: the k-th largest value in three rounds of 11, 11 and 10 bits, each a
// histogram in shared memory; then positions are listed in ascending order by prefix sums. Nothing depends on timing: the only
// atomics count integers.
//
// A block is a (quota, layer). Bytes: 4 a score from the second-level cache, once; then shared memory. 28 x 8192 scores and 8 quotas:
// 7 MB, launch time.
#pragma once

#include "../src/topk.h"
#include "reduce.cuh"

namespace aircache {

constexpr int kTopThreads = 512;
constexpr int kBins = 2048;

// rank_key orders scores as unsigned numbers; padding comes last.
__device__ __forceinline__ unsigned rank_key(float score) { return score < 0 ? 0 : __float_as_uint(score + 0.0f) + 1; }

struct TopScratch {
  int bins[kBins];
  int counts[kTopThreads / kWarp];
  int chosen, above;
};

// choose_bin finds, from the highest bin down, the one in which the count reaches need.
__device__ inline void choose_bin(TopScratch& s, int need) {
  constexpr int kEach = kBins / kTopThreads;
  const int first = kBins - 1 - int(threadIdx.x) * kEach;
  int mine = 0, total;
  for (int i = 0; i < kEach; i++) mine += s.bins[first - i];
  int above = block_prefix(mine, s.counts, total);
  for (int i = 0; i < kEach; i++) {
    const int here = s.bins[first - i];
    if (above < need && need <= above + here) {
      s.chosen = first - i;
      s.above = above;
    }
    above += here;
  }
  __syncthreads();
}

// nth_largest is the need-th largest key; need becomes its place among the keys equal to it.
__device__ inline unsigned nth_largest(TopScratch& s, const unsigned* keys, int count, int& need) {
  unsigned prefix = 0;
  for (int round = 0; round < 3; round++) {
    const int shift = round == 0 ? 21 : round == 1 ? 10 : 0, bits = round == 2 ? 10 : 11;
    for (int b = threadIdx.x; b < kBins; b += kTopThreads) s.bins[b] = 0;
    __syncthreads();
    for (int i = threadIdx.x; i < count; i += kTopThreads)
      if (round == 0 || keys[i] >> (shift + bits) == prefix) atomicAdd(&s.bins[keys[i] >> shift & ((1u << bits) - 1)], 1);
    __syncthreads();
    choose_bin(s, need);
    prefix = prefix << bits | unsigned(s.chosen);
    need -= s.above;
    __syncthreads();
  }
  return prefix;
}

__global__ void __launch_bounds__(kTopThreads) static top(TopParams p) {
  __shared__ TopScratch s;
  __shared__ double scratch[kTopThreads / kWarp];
  unsigned* keys = reinterpret_cast<unsigned*>(dynamic_shared_memory());
  const int quota = blockIdx.x, layer = blockIdx.y, n = p.visual;
  for (int v = threadIdx.x; v < n; v += kTopThreads) keys[v] = rank_key(p.order[int64_t(layer) * n + v]);
  __syncthreads();
  int equal = min(p.budget[quota * p.layers + layer], n);  // how many of those equal to the threshold stay
  if (equal <= 0) return;
  const unsigned threshold = nth_largest(s, keys, n, equal);

  // A thread takes one stretch of positions: so the ones it keeps follow each other.
  const int each = (n + kTopThreads - 1) / kTopThreads, from = min(n, int(threadIdx.x) * each), to = min(n, from + each);
  const float* score = p.score + int64_t(layer) * n;
  int same = 0, more = 0, total;
  for (int v = from; v < to; v++) {
    same += keys[v] == threshold;
    more += keys[v] > threshold;
  }
  int same_before = block_prefix(same, s.counts, total);
  int at = block_prefix(more, s.counts, total) + min(same_before, equal);
  double kept = 0, all = 0;
  for (int v = from; v < to; v++) {
    const double mine = max(score[v], 0.0f);
    all += mine;
    if (keys[v] < threshold || (keys[v] == threshold && same_before++ >= equal)) continue;
    kept += mine;
    if (quota == 0 && p.kept) p.kept[int64_t(layer) * n + at++] = v;
  }
  kept = block_sum(kept, scratch);
  all = block_sum(all, scratch);
  if (threadIdx.x == 0) p.mass[quota * p.layers + layer] = make_double2(kept, all);
}

}  // namespace aircache
