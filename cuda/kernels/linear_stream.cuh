// linear_stream multiplies up to 32 rows by weights that are read once: the linears of a decode step.
//
// The limit is memory: n*k*2 bytes of weights. Weights are the 16-row operand of the tensor cores, the rows of x the 8-column one, so
// nothing is padded at 8 rows or fewer. A lane takes 16 bytes of a row at a time: 8 values of k, which serve two products; both
// operands are cut the same way, so the order of k inside 32 of them does not matter.
//
// A stage is kRows rows of w and all rows of x, kDepth values of each, brought by cp.async into a ring of shared memory that runs on
// across tiles. Each cluster has a range of the rows of w, in whole groups of 16, and its blocks share k; the blocks' sums are added
// through shared memory in the order of their ranks. None of it depends on the rows of x: a row's sums are the same bits in every
// batch, and in every run. Where there are no clusters, a block has all of k.
//
// Weights do not depend on the kernel before: the ring is filled with them while that one ends, and the next kernel may start when
// the last of ours are nearly all on their way.
//
// Bytes: o 25.7 MB (8.3 us at the 3.08 TB/s that a read reaches on an H100), down 136 MB (44 us).
#pragma once

#include "../src/linear_stream.h"
#include "ahead.cuh"
#include "cluster.cuh"
#include "copy_async.cuh"
#include "mma.cuh"
#include "values.cuh"

namespace aircache {

struct StreamParams {
  void* dst;         // [m, n] of bf16, or of float where exact
  const bf16* x;     // [m, k]
  const bf16* w;     // [n, k]
  const bf16* bias;  // [n] or null
  int m, n, k;
  bool exact, add;
};

constexpr int kEarly = 3;       // stages not on their way yet when the next kernel may start
constexpr int kCutDepth = 128;  // of k: blocks of a cluster share them in whole pieces of this

template <int kRows_, int kDepth_, int kShared, int kTiles_, int kCluster_>
struct StreamTile {
  static constexpr int kRows = kRows_, kDepth = kDepth_, kTiles = kTiles_, kCluster = kCluster_;  // rows of w, values of k in a stage
  static constexpr int kThreads = kRows / 16 * kWarp;     // a warp has 16 rows of w
  static constexpr int kUnits = kDepth / 8;               // 16 bytes each, of a row
  static constexpr int kBatch = kTiles * 8;               // rows of x
  static constexpr int kStage = (kRows + kBatch) * kDepth;
  static constexpr int kSums = kCluster > 1 ? kThreads * kTiles : 0;  // groups of four
  static constexpr int kStages = (kShared - kSums * 16) / (kStage * int(sizeof(bf16)));
  static constexpr int kCopies = kRows * kUnits / kThreads;           // a thread, a stage
  static constexpr int kBatchCopies = (kBatch * kUnits + kThreads - 1) / kThreads;
  static constexpr size_t kBytes = size_t(kStages) * kStage * sizeof(bf16) + kSums * 16;
  static_assert(kThreads % kUnits == 0 && kCutDepth % kDepth == 0 && kStages >= 3, "whole rows at a time, and a stage in flight while one lands");
};

// unit_at is where a unit of a row lies in a stage. Eight lanes read four units of two rows at once: odd rows have their halves of
// 128 bytes exchanged, so that the eight fall into different banks.
template <class Tile>
__device__ __forceinline__ int unit_at(int row, int unit, int odd) { return row * Tile::kDepth + (unit ^ (odd & 1) << 2) * 8; }

// StreamShare is a block's part: rows of w that its cluster has, stages of k that it has itself.
struct StreamShare {
  int row, end;           // of w
  int chunk, last_chunk;  // kDepth values each

  template <class Tile>
  __device__ static StreamShare of(const StreamParams& p) {
    const int clusters = gridDim.x / Tile::kCluster, mine = blockIdx.x / Tile::kCluster, rank = Tile::kCluster > 1 ? cluster_rank() : 0;
    const int groups = (p.n + 15) / 16, cuts = (p.k + kCutDepth - 1) / kCutDepth, chunks = (p.k + Tile::kDepth - 1) / Tile::kDepth;
    constexpr int kEach = kCutDepth / Tile::kDepth;
    return {int(int64_t(mine) * groups / clusters) * 16, min(p.n, int(int64_t(mine + 1) * groups / clusters) * 16), rank * cuts / Tile::kCluster * kEach,
            min(chunks, (rank + 1) * cuts / Tile::kCluster * kEach)};
  }
  template <class Tile>
  __device__ int stages() const { return (end - row + Tile::kRows - 1) / Tile::kRows * (last_chunk - chunk); }
};

// StreamFeed brings a share to the ring, stage by stage.
template <class Tile>
struct StreamFeed {
  const StreamParams& p;
  const StreamShare& share;
  int row, chunk, left;  // left to bring
  Keeping keeping;

  __device__ StreamFeed(const StreamParams& params, const StreamShare& s)
      : p(params), share(s), row(s.row), chunk(s.chunk), left(s.stages<Tile>()), keeping(read_once()) {}

  __device__ void weights(bf16* stage) const {
    constexpr int kAtOnce = Tile::kThreads / Tile::kUnits;
    const int unit = threadIdx.x % Tile::kUnits, line = threadIdx.x / Tile::kUnits, k = chunk * Tile::kDepth + unit * 8;
    const int first = row + line;
    const bf16* from = p.w + int64_t(first) * p.k + k;
#pragma unroll
    for (int i = 0; i < Tile::kCopies; i++) {
      const int to = line + i * kAtOnce;
      const bool valid = k < p.k && first + i * kAtOnce < share.end;
      copy_async(stage + unit_at<Tile>(to, unit, to >> 1), valid ? from + int64_t(i) * kAtOnce * p.k : p.w, valid, keeping);
    }
  }

  // batch_unit is the i-th unit of x that this thread brings: its row, or -1; at and from are set.
  __device__ int batch_unit(int i, int of_chunk, int* at, const bf16** from) const {
    const int n = threadIdx.x + i * Tile::kThreads, m = n / Tile::kUnits, unit = n % Tile::kUnits, k = of_chunk * Tile::kDepth + unit * 8;
    *at = Tile::kRows * Tile::kDepth + unit_at<Tile>(m, unit, m);
    *from = m < p.m && k < p.k ? p.x + int64_t(m) * p.k + k : nullptr;
    return m < Tile::kBatch ? m : -1;
  }

  __device__ void batch(bf16* stage) const {
#pragma unroll
    for (int i = 0; i < Tile::kBatchCopies; i++) {
      int at;
      const bf16* from;
      if (batch_unit(i, chunk, &at, &from) >= 0) copy_async(stage + at, from ? from : p.x, from != nullptr);
    }
  }

  __device__ void advance() {
    left--;
    if (++chunk == share.last_chunk) chunk = share.chunk, row += Tile::kRows;
  }
};

// fill_ring starts the first stages. Their rows of x come through registers: behind the weights in the queue of copies they would
// make the first product wait for all of these.
template <class Tile>
__device__ __forceinline__ void fill_ring(StreamFeed<Tile>& feed, bf16* ring) {
  constexpr int kAhead = Tile::kStages - 1;
  int chunk = feed.chunk;
  const int there = min(feed.left, kAhead);
#pragma unroll
  for (int s = 0; s < kAhead; s++) {
    if (s < there) {
      feed.weights(ring + s * Tile::kStage);
      feed.advance();
    }
    commit_copies();
  }
  wait_for_previous_kernel();
  uint4 value[kAhead][Tile::kBatchCopies];
  int to[kAhead][Tile::kBatchCopies];
#pragma unroll
  for (int s = 0; s < kAhead; s++) {
#pragma unroll
    for (int i = 0; i < Tile::kBatchCopies; i++) {
      const bf16* from;
      if (feed.batch_unit(i, chunk, &to[s][i], &from) < 0 || s >= there) to[s][i] = -1;
      value[s][i] = to[s][i] >= 0 && from ? *reinterpret_cast<const uint4*>(from) : make_uint4(0, 0, 0, 0);
    }
    if (++chunk == feed.share.last_chunk) chunk = feed.share.chunk;
  }
#pragma unroll
  for (int s = 0; s < kAhead; s++)
#pragma unroll
    for (int i = 0; i < Tile::kBatchCopies; i++)
      if (to[s][i] >= 0) *reinterpret_cast<uint4*>(ring + s * Tile::kStage + to[s][i]) = value[s][i];
}

// multiply_stage adds a stage's products: a warp has 16 rows of w, all rows of x. Lane l has rows 2(l/4) and the next of w, so that
// two neighbours of dst are in one lane.
template <class Tile, int kTiles>
__device__ __forceinline__ void multiply_stage(float (&sum)[kTiles][4], const bf16* stage) {
  const int lane = threadIdx.x % kWarp, row = threadIdx.x / kWarp * 16 + lane / 4 * 2;
#pragma unroll
  for (int first = 0; first < Tile::kUnits; first += 4) {
    const int unit = first + lane % 4;
    const uint4 low = *reinterpret_cast<const uint4*>(stage + unit_at<Tile>(row, unit, row >> 1));
    const uint4 high = *reinterpret_cast<const uint4*>(stage + unit_at<Tile>(row + 1, unit, row >> 1));
    const uint32_t a[4] = {low.x, high.x, low.y, high.y}, b[4] = {low.z, high.z, low.w, high.w};
#pragma unroll
    for (int t = 0; t < kTiles; t++) {
      const int column = t * 8 + lane / 4;
      const uint4 x = *reinterpret_cast<const uint4*>(stage + Tile::kRows * Tile::kDepth + unit_at<Tile>(column, unit, column));
      mma(sum[t], a, x.x, x.y);
      mma(sum[t], b, x.z, x.w);
    }
  }
}

template <class T>
__device__ __forceinline__ void write_pair(T* at, float low, float high, bool two, bool aligned, bool add) {
  if (add) {
    low += to_float(at[0]);
    if (two) high += to_float(at[1]);
  }
  if (two && aligned) {
    if constexpr (sizeof(T) == 2) *reinterpret_cast<uint32_t*>(at) = pack_pair(low, high);
    else *reinterpret_cast<float2*>(at) = make_float2(low, high);
    return;
  }
  at[0] = from_float<T>(low);
  if (two) at[1] = from_float<T>(high);
}

// write_sums writes what thread who has of the sums of 8 rows of x: two of w for two of x.
__device__ __forceinline__ void write_sums(const StreamParams& p, float4 sum, int first_row, int end, int who, int tile) {
  const int lane = who % kWarp, n = first_row + who / kWarp * 16 + lane / 4 * 2;
  if (n >= end) return;
  const bool two = n + 1 < p.n, aligned = p.n % 2 == 0;
  const float low = p.bias ? to_float(p.bias[n]) : 0, high = p.bias && two ? to_float(p.bias[n + 1]) : 0;
#pragma unroll
  for (int j = 0; j < 2; j++) {
    const int m = tile * 8 + lane % 4 * 2 + j;
    if (m >= p.m) continue;
    const int64_t at = int64_t(m) * p.n + n;
    const float a = (j ? sum.y : sum.x) + low, b = (j ? sum.w : sum.z) + high;
    if (p.exact) write_pair(static_cast<float*>(p.dst) + at, a, b, two, aligned, p.add);
    else write_pair(static_cast<bf16*>(p.dst) + at, a, b, two, aligned, p.add);
  }
}

// finish_tile adds the blocks' sums in the order of their ranks, each block a part of them, and writes them. It leaves its cluster's
// barrier half done: the other half, before room is written again, is waited for when all have long read it.
template <class Tile>
__device__ __forceinline__ void finish_tile(const StreamParams& p, const float (&sum)[Tile::kTiles][4], float4* room, int row, int end, bool again) {
  if constexpr (Tile::kCluster == 1) {
#pragma unroll
    for (int t = 0; t < Tile::kTiles; t++) write_sums(p, make_float4(sum[t][0], sum[t][1], sum[t][2], sum[t][3]), row, end, threadIdx.x, t);
  } else {
    if (again) wait_for_cluster();
#pragma unroll
    for (int t = 0; t < Tile::kTiles; t++) room[t * Tile::kThreads + threadIdx.x] = make_float4(sum[t][0], sum[t][1], sum[t][2], sum[t][3]);
    arrive_in_cluster();
    wait_for_cluster();
    constexpr int kPart = Tile::kSums / Tile::kCluster;
    const int first = cluster_rank() * kPart;
    for (int i = first + threadIdx.x; i < first + kPart; i += Tile::kThreads) {
      float4 v[Tile::kCluster];
#pragma unroll
      for (int rank = 0; rank < Tile::kCluster; rank++) v[rank] = load_of_block(room + i, rank);
#pragma unroll
      for (int rank = 1; rank < Tile::kCluster; rank++) v[0].x += v[rank].x, v[0].y += v[rank].y, v[0].z += v[rank].z, v[0].w += v[rank].w;
      write_sums(p, v[0], row, end, i % Tile::kThreads, i / Tile::kThreads);
    }
    arrive_in_cluster();
  }
}

// fetch_operands brings what the end of the rows begin..end needs near: it was last used a step, or hundreds of megabytes of weights, ago.
template <class Tile>
__device__ __forceinline__ void fetch_operands(const StreamParams& p, int begin, int end) {
  constexpr int kLine = 64;  // values of bf16
  if (p.bias)
    for (int n = begin + threadIdx.x * kLine; n < end; n += Tile::kThreads * kLine) fetch_early(p.bias + n);
  if (!p.add || p.exact) return;
  const int lines = (end - begin + kLine - 1) / kLine;
  for (int i = threadIdx.x; i < p.m * lines; i += Tile::kThreads) fetch_early(static_cast<const bf16*>(p.dst) + int64_t(i / lines) * p.n + begin + i % lines * kLine);
}

template <int kRows, int kDepth, int kShared, int kTiles, int kCluster>
__global__ void __launch_bounds__(kRows / 16 * kWarp, 256 * 2 / (kRows / 16 * kWarp)) linear_stream(StreamParams p) {
  using Tile = StreamTile<kRows, kDepth, kShared, kTiles, kCluster>;
  bf16* ring = reinterpret_cast<bf16*>(dynamic_shared_memory());
  float4* room = reinterpret_cast<float4*>(ring + Tile::kStages * Tile::kStage);
  const StreamShare share = StreamShare::of<Tile>(p);
  StreamFeed<Tile> feed(p, share);
  fetch_operands<Tile>(p, share.row, share.end);
  fill_ring(feed, ring);

  int stage = 0;
  for (int row = share.row; row < share.end; row += Tile::kRows) {
    float sum[kTiles][4] = {};
    for (int chunk = share.chunk; chunk < share.last_chunk; chunk++) {
      wait_copies<Tile::kStages - 2>();
      __syncthreads();  // the stage is there, and the one before it is free
      if (feed.left <= kEarly) let_next_kernel_start();
      if (feed.left > 0) {
        bf16* next = ring + (stage == 0 ? Tile::kStages - 1 : stage - 1) * Tile::kStage;
        feed.weights(next);
        feed.batch(next);
        feed.advance();
      }
      commit_copies();
      multiply_stage<Tile, kTiles>(sum, ring + stage * Tile::kStage);
      stage = stage + 1 == Tile::kStages ? 0 : stage + 1;
    }
    finish_tile<Tile>(p, sum, room, row, share.end, row > share.row);
  }
  if (kCluster > 1 && share.row < share.end) wait_for_cluster();  // others may still read this block's sums
  wait_copies<0>();
}

}  // namespace aircache
