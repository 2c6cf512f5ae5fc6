// attend_decode is attention of one new row a sequence over that sequence's pages of one layer.
//
// The limit is memory: a token's K and V of a layer are read once (2*kv*dim*2 bytes; 2 KB at 4 x 128), whatever the number of
// query heads. A tile is one page of one KV head: K^T comes as the 16-row operand, the up to 8 queries of the head as the
// 8-column one, so S^T = K Q^T and O^T = V^T P^T take 2*dim/16 tensor-core products a page, none of them padded at 7 or 8
// queries a head. 4 KB of K and 4 KB of V lie in one piece each.
//
// Work is the flat list of all pages of (sequence, head), cut into equal chunks, one a block: a long sequence is shared by many
// blocks and a block takes several short ones, so ragged lengths cost what their pages cost. plan_decode cuts all layers of a
// step on the device at its head; grids are fixed, blocks without a chunk leave. In a block each of 4 warps streams every fourth
// page through its own ring of shared memory (no block barrier while streaming: 2 blocks an SM keep 64 to 128 KB in flight);
// the ring runs on across the ends of sequences. A (sequence, head) that several blocks share is put together by the last
// of them to finish, in the order of the pieces: the result does not depend on timing.
#pragma once

#include "copy_async.cuh"
#include "decode_plan.cuh"
#include "mma.cuh"
#include "softmax.cuh"

namespace aircache {

constexpr int kDecodeWarps = 4;

// DecodeState is what a warp has summed: O^T, with the maximum and the sum of the two queries whose columns the lane holds.
template <int kDim>
struct DecodeState {
  static constexpr int kTiles = kDim / 16;
  float o[kTiles][4], top[2], sum[2];

  __device__ void clear() {
#pragma unroll
    for (int t = 0; t < kTiles; t++)
#pragma unroll
      for (int i = 0; i < 4; i++) o[t][i] = 0;
    top[0] = top[1] = minus_infinity();
    sum[0] = sum[1] = 0;
  }

  __device__ void raise(int column, float new_top) {
    const float f = shrink(top[column], new_top);
    top[column] = new_top;
    sum[column] *= f;
#pragma unroll
    for (int t = 0; t < kTiles; t++) {
      o[t][column] *= f;
      o[t][column + 2] *= f;
    }
  }

  // store and absorb use an order that is the lanes' own: [register][lane].
  __device__ void store(float* at, int lane) const {
#pragma unroll
    for (int t = 0; t < kTiles; t++)
#pragma unroll
      for (int i = 0; i < 4; i++) at[(t * 4 + i) * kWarp + lane] = o[t][i];
#pragma unroll
    for (int c = 0; c < 2; c++) {
      at[(kTiles * 4 + c) * kWarp + lane] = top[c];
      at[(kTiles * 4 + 2 + c) * kWarp + lane] = sum[c];
    }
  }

  __device__ void absorb(const float* at, int lane) {
    float f[2];
#pragma unroll
    for (int c = 0; c < 2; c++) {
      const float other = at[(kTiles * 4 + c) * kWarp + lane];
      if (other > top[c]) raise(c, other);
      f[c] = shrink(other, top[c]);
      sum[c] += f[c] * at[(kTiles * 4 + 2 + c) * kWarp + lane];
    }
#pragma unroll
    for (int t = 0; t < kTiles; t++)
#pragma unroll
      for (int i = 0; i < 4; i++) o[t][i] += f[i % 2] * at[(t * 4 + i) * kWarp + lane];
  }
};

template <int kDim, int kStages>
struct DecodeTile {
  static constexpr int kStride = kDim + 8;  // 8 rows of a matrix fall into different banks
  static constexpr int kValues = kPageTokens * kStride;
  static constexpr int kRing = kStages * 2 * kValues;  // of one warp
  static constexpr int kMerge = kWarp * (kDim / 16 * 4 + 4);
  static constexpr size_t kBytes = kDecodeWarps * kRing * sizeof(bf16) + 2 * kMerge * sizeof(float);
};

// fetch_page starts the copy of a page's K and V of one head; rows that are not there become zeros.
template <int kDim, int kStages>
__device__ __forceinline__ void fetch_page(const DecodeParams& p, bf16* stage, const DecodeWalk& at, int number) {
  using Tile = DecodeTile<kDim, kStages>;
  constexpr int kChunks = kDim / 8, kRowsAtOnce = kWarp / kChunks;
  const int lane = threadIdx.x % kWarp, chunk = lane % kChunks * 8, left = at.rows - at.page * kPageTokens;
  const bf16* keys = page_rows(p.pool, number, p.heads.kv, at.head, kDim, false);
  const bf16* values = page_rows(p.pool, number, p.heads.kv, at.head, kDim, true);
#pragma unroll
  for (int first = 0; first < kPageTokens; first += kRowsAtOnce) {
    const int row = first + lane / kChunks;
    copy_async(stage + row * Tile::kStride + chunk, keys + row * kDim + chunk, row < left);
    copy_async(stage + Tile::kValues + row * Tile::kStride + chunk, values + row * kDim + chunk, row < left);
  }
}

// load_queries brings the head's queries as the 8-column operand; columns beyond the group are zeros.
template <int kDim>
__device__ __forceinline__ void load_queries(uint32_t (&q)[kDim / 16][2], const DecodeParams& p, int sequence, int head) {
  const int lane = threadIdx.x % kWarp, group = p.heads.group(), query = lane / 4;
  const bf16* at = p.qkv + int64_t(sequence) * p.heads.width() + (head * group + query) * kDim + lane % 4 * 2;
#pragma unroll
  for (int t = 0; t < kDim / 16; t++)
#pragma unroll
    for (int i = 0; i < 2; i++) q[t][i] = query < group ? *reinterpret_cast<const uint32_t*>(at + t * 16 + i * 8) : 0;
}

// absorb_page adds a page in shared memory to the state; left is how many of its rows are there.
template <int kDim, int kStages>
__device__ __forceinline__ void absorb_page(DecodeState<kDim>& state, const uint32_t (&q)[kDim / 16][2], const bf16* stage, int left,
                                            float scale) {
  using Tile = DecodeTile<kDim, kStages>;
  const int lane = threadIdx.x % kWarp;
  float even[4] = {0, 0, 0, 0}, odd[4] = {0, 0, 0, 0};  // two sums: half the wait from product to product
  const bf16* keys = stage + lane % 16 * Tile::kStride + lane / 16 * 8;
#pragma unroll
  for (int t = 0; t < kDim / 16; t++) {
    uint32_t a[4];
    load_matrices(a, keys + t * 16);
    mma(t % 2 ? odd : even, a, q[t][0], q[t][1]);
  }
  float s[4];
#pragma unroll
  for (int i = 0; i < 4; i++) s[i] = lane / 4 + i / 2 * 8 < left ? (even[i] + odd[i]) * scale : minus_infinity();
#pragma unroll
  for (int c = 0; c < 2; c++) {
    float top = max(s[c], s[c + 2]);
#pragma unroll
    for (int mask = 4; mask < kWarp; mask <<= 1) top = max(top, __shfl_xor_sync(kAllLanes, top, mask));
    state.raise(c, max(top, state.top[c]));
    s[c] = exp2_fast(s[c] - state.top[c]);
    s[c + 2] = exp2_fast(s[c + 2] - state.top[c]);
    state.sum[c] += s[c] + s[c + 2];
  }
  const uint32_t b0 = transpose_matrix(pack_pair(s[0], s[1])), b1 = transpose_matrix(pack_pair(s[2], s[3]));
  const bf16* values = stage + Tile::kValues + (lane % 8 + lane / 16 * 8) * Tile::kStride + lane / 8 % 2 * 8;
#pragma unroll
  for (int t = 0; t < kDim / 16; t++) {
    uint32_t a[4];
    load_matrices_transposed(a, values + t * 16);
    mma(state.o[t], a, b0, b1);
  }
}

// merge_warps leaves the sum of all warps' states in warp 0. Buffers: 2 states.
template <int kDim>
__device__ __forceinline__ void merge_warps(DecodeState<kDim>& state, float* buffers) {
  constexpr int kSize = kWarp * (kDim / 16 * 4 + 4);
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  __syncthreads();  // warp 0 may still be reading the last merge
#pragma unroll
  for (int half = kDecodeWarps / 2; half > 0; half /= 2) {
    if (warp >= half && warp < 2 * half) state.store(buffers + (warp - half) * kSize, lane);
    __syncthreads();
    if (warp < half) state.absorb(buffers + warp * kSize, lane);
    __syncthreads();
  }
}

// write_answer divides by the sums and writes the head's queries. Called by warp 0; buffer holds [8, dim] floats.
template <int kDim>
__device__ __forceinline__ void write_answer(DecodeState<kDim>& state, const DecodeParams& p, int sequence, int head, float* buffer) {
  const int lane = threadIdx.x % kWarp, group = p.heads.group();
#pragma unroll
  for (int c = 0; c < 2; c++) {
#pragma unroll
    for (int mask = 4; mask < kWarp; mask <<= 1) state.sum[c] += __shfl_xor_sync(kAllLanes, state.sum[c], mask);
    const float share = 1.0f / state.sum[c];
    float* at = buffer + (lane % 4 * 2 + c) * kDim + lane / 4;
#pragma unroll
    for (int t = 0; t < kDim / 16; t++) {
      at[t * 16] = state.o[t][c] * share;
      at[t * 16 + 8] = state.o[t][c + 2] * share;
    }
  }
  __syncwarp();
  bf16* dst = p.dst + (int64_t(sequence) * p.heads.query + head * group) * kDim;
  for (int i = lane * 2; i < group * kDim; i += 2 * kWarp) *reinterpret_cast<uint32_t*>(dst + i) = pack_pair(buffer[i], buffer[i + 1]);
}

// put_together adds the pieces of a (sequence, head) in their order and writes the answer. A warp takes a fourth of the registers of
// the states, for all pieces: no load waits for another. slot says where a block's piece is.
template <int kDim, class Slot>
__device__ __forceinline__ void put_together(const DecodeParams& p, const DecodeWalk& at, int first_block, int last_block, Slot slot, float* buffer) {
  constexpr int kRegisters = kDim / 4, kEach = kRegisters / kDecodeWarps;
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, group = p.heads.group();
  float top[2] = {minus_infinity(), minus_infinity()}, sum[2] = {0, 0}, o[kEach] = {};
#pragma unroll 8
  for (int block = first_block; block <= last_block; block++)
#pragma unroll
    for (int c = 0; c < 2; c++) top[c] = max(top[c], __ldcg(slot(block) + (kRegisters + c) * kWarp + lane));
#pragma unroll 4
  for (int block = first_block; block <= last_block; block++) {
    const float* piece = slot(block) + lane;
    float f[2];
#pragma unroll
    for (int c = 0; c < 2; c++) {
      f[c] = shrink(__ldcg(piece + (kRegisters + c) * kWarp), top[c]);
      sum[c] += f[c] * __ldcg(piece + (kRegisters + 2 + c) * kWarp);
    }
#pragma unroll
    for (int i = 0; i < kEach; i++) o[i] += f[i % 2] * __ldcg(piece + (warp * kEach + i) * kWarp);
  }
#pragma unroll
  for (int c = 0; c < 2; c++)
#pragma unroll
    for (int mask = 4; mask < kWarp; mask <<= 1) sum[c] += __shfl_xor_sync(kAllLanes, sum[c], mask);
#pragma unroll
  for (int i = 0; i < kEach; i++) {
    const int r = warp * kEach + i;
    buffer[(lane % 4 * 2 + i % 2) * kDim + r / 4 * 16 + r % 4 / 2 * 8 + lane / 4] = o[i] / sum[i % 2];
  }
  __syncthreads();
  bf16* dst = p.dst + (int64_t(at.sequence) * p.heads.query + at.head * group) * kDim;
  for (int i = threadIdx.x * 2; i < group * kDim; i += 2 * blockDim.x) *reinterpret_cast<uint32_t*>(dst + i) = pack_pair(buffer[i], buffer[i + 1]);
}

// finish_piece writes the answer of a (sequence, head) that lies in this block alone, or stores the piece and, as the last
// block of those that share it, puts the pieces together. first is the flat position of its first page.
template <int kDim>
__device__ __forceinline__ void finish_piece(DecodeState<kDim>& state, const DecodeParams& p, const DecodeWalk& at, int first, int chunk, float* buffers) {
  constexpr int kSize = kWarp * (kDim / 16 * 4 + 4);
  __shared__ int is_last;
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  merge_warps(state, buffers);
  const int first_block = first / chunk, last_block = (first + at.pages - 1) / chunk;
  if (first_block == last_block) {
    if (warp == 0) write_answer(state, p, at.sequence, at.head, buffers);
    return;
  }
  // A block has at most one piece that began before it and one that goes on after it.
  auto slot = [&](int block) { return p.work.partial + int64_t(2 * block + (block == first_block)) * kSize; };
  if (warp == 0) {
    state.store(slot(blockIdx.x), lane);
    __threadfence();
    __syncwarp();
    if (lane == 0) {
      int* arrived = p.work.arrived + at.sequence * p.heads.kv + at.head;
      is_last = atomicAdd(arrived, 1) == last_block - first_block;
      if (is_last) *arrived = 0;
    }
  }
  __syncthreads();
  if (!is_last) return;
  __threadfence();
  put_together<kDim>(p, at, first_block, last_block, slot, buffers);
}

// attend_chunk is a block's work. Its warp's pages are warp, warp + 4, ... of the chunk. The feed runs ahead of the sums; its page
// number is read one turn before it is needed.
template <int kDim, int kStages>
__device__ __forceinline__ void attend_chunk(const DecodeParams& p, const DecodeStart& start) {
  using Tile = DecodeTile<kDim, kStages>;
  const int warp = threadIdx.x / kWarp, count = start.count;
  bf16* ring = reinterpret_cast<bf16*>(dynamic_shared_memory()) + warp * Tile::kRing;
  float* buffers = reinterpret_cast<float*>(dynamic_shared_memory() + kDecodeWarps * Tile::kRing * sizeof(bf16));
  DecodeWalk here(start), feed(start);
  int fed = warp, number = 0;
  auto look_up = [&] { number = p.batch.pages[feed.table + feed.page]; };
  auto fetch = [&](int stage) {
    if (fed < count) {
      fetch_page<kDim, kStages>(p, ring + stage * 2 * Tile::kValues, feed, number);
      fed += kDecodeWarps;
      if (fed < count) {
        feed.advance(p, kDecodeWarps);
        look_up();
      }
    }
    commit_copies();
  };
  if (fed < count) {
    feed.advance(p, warp);
    look_up();
  }
  wait_for_previous_kernel();
#pragma unroll
  for (int stage = 0; stage < kStages - 1; stage++) fetch(stage);

  int stage = 0, next = warp;  // of the chunk's pages
  DecodeState<kDim> state;
  for (int done = 0; done < count;) {
    const int pages = min(here.pages - here.page, count - done);
    uint32_t q[kDim / 16][2];
    load_queries<kDim>(q, p, here.sequence, here.head);
    state.clear();
    for (; next < done + pages; next += kDecodeWarps) {
      wait_copies<kStages - 2>();
      __syncwarp();
      fetch((stage + kStages - 1) % kStages);
      const int page = here.page + next - done;
      absorb_page<kDim, kStages>(state, q, ring + stage * 2 * Tile::kValues, here.rows - page * kPageTokens, p.scale);
      stage = (stage + 1) % kStages;
    }
    finish_piece(state, p, here, int(blockIdx.x) * start.chunk + done - here.page, start.chunk, buffers);
    done += pages;
    if (done < count) here.advance(p, pages);
  }
  wait_copies<0>();
}

template <int kDim, int kStages>
__global__ void __launch_bounds__(kDecodeWarps * kWarp, 2) attend_decode(DecodeParams p) {
  let_next_kernel_start();
  const DecodeStart start = p.work.start[p.layer * p.work.blocks + blockIdx.x];
  if (start.count > 0) attend_chunk<kDim, kStages>(p, start);
  for (int s = blockIdx.x; s < p.batch.sequences; s += gridDim.x) {  // sequences that only fill a bucket answer zeros
    if (p.batch.table[p.layer * p.batch.sequences + s] != kNoPages) continue;
    wait_for_previous_kernel();
    for (int i = threadIdx.x; i < p.heads.query * kDim; i += blockDim.x) p.dst[int64_t(s) * p.heads.query * kDim + i] = __float2bfloat16(0);
  }
}

}  // namespace aircache
