// attend_prefill and mix: attention of many rows, causal over pages or full over the rows of a picture.
//
// A block takes 128 query rows of one head (4 warps of 32 rows) and walks over the keys 64 at a time (32 where a GPU has too little
// shared memory for two such tiles); K and V of the next tile land while it works on this one. Scores live in registers, the softmax runs, nothing but the answer is written. 32 rows a warp, so
// that a key fragment read from shared memory serves two products: then the tensor cores and not shared memory are the limit.
//
// FLOPs: 4*dim*query a visible (row, key) pair; 8192 causal rows of 28 heads x 128: 0.48 TFLOP a layer. mma.sync reaches about 60 %
// of what Hopper's wgmma does (about 400 of 650 TFLOP/s at best): 1.2 ms a layer would be perfect, 1.6 ms is expected.
#pragma once

#include "../src/attend_prefill.h"
#include "copy_async.cuh"
#include "mma.cuh"
#include "softmax.cuh"

namespace aircache {

constexpr int kPrefillWarps = 4, kPrefillThreads = kPrefillWarps * kWarp;
constexpr int kTileRows = kPrefillWarps * 32;

template <int kHeadDim, int kTileKeys>
struct PrefillTile {
  static constexpr int kDim = kHeadDim, kKeys = kTileKeys;
  static constexpr int kPadded = (kDim + 15) / 16 * 16;  // 72 becomes 80, with zeros
  static constexpr int kChunks = kPadded / 8;            // of 16 bytes in a row
  static constexpr int kStride = kPadded + 8;
  static constexpr int kKeyValues = kKeys * kStride;
  static constexpr size_t kBytes = (kTileRows * kStride + 4 * kKeyValues) * sizeof(bf16);
};

// PagedKeys finds rows of K and V in pages; page numbers of a tile are read before they are needed.
template <class Tile>
struct PagedKeys {
  const bf16* pool;
  const int* table;
  int kv_heads, head, rows;
  int number[Tile::kKeys / kPageTokens];

  __device__ void look_up(int first) {
    const int last = (rows - 1) / kPageTokens;
#pragma unroll
    for (int i = 0; i < Tile::kKeys / kPageTokens; i++) number[i] = table[min(first / kPageTokens + i, last)];
  }
  // row is a row of the tile, copy the number of this thread's copy, which alone says what page it is in.
  __device__ const bf16* at(int copy, int row, bool values) const {
    const int page = copy * (kPrefillThreads / Tile::kChunks) / kPageTokens;
    return page_rows(pool, number[page], kv_heads, head, Tile::kDim, values) + row % kPageTokens * Tile::kDim;
  }
};

// StridedKeys finds them in the fused qkv rows.
struct StridedKeys {
  const bf16* keys;  // of row 0
  int64_t to_values;
  int width, rows, first;

  __device__ void look_up(int tile_first) { first = tile_first; }
  __device__ const bf16* at(int, int row, bool values) const { return keys + min(first + row, rows - 1) * int64_t(width) + (values ? to_values : 0); }
};

// fetch_tile starts the copies of a tile's rows of K and V; rows that are not there and padded columns become zeros.
template <class Tile, class Keys>
__device__ __forceinline__ void fetch_tile(bf16* stage, const Keys& source, int first) {
#pragma unroll
  for (int copy = 0; copy < Tile::kKeys * Tile::kChunks / kPrefillThreads; copy++) {
    const int i = copy * kPrefillThreads + threadIdx.x, row = i / Tile::kChunks, column = i % Tile::kChunks * 8;
    const bool valid = first + row < source.rows && column < Tile::kDim;
    const int from = column < Tile::kDim ? column : 0;
    copy_async(stage + row * Tile::kStride + column, source.at(copy, row, false) + from, valid);
    copy_async(stage + Tile::kKeyValues + row * Tile::kStride + column, source.at(copy, row, true) + from, valid);
  }
}

// fetch_rows starts the copy of the block's query rows.
template <class Tile>
__device__ __forceinline__ void fetch_rows(bf16* shared, const bf16* q, int width, int rows) {
  for (int i = threadIdx.x; i < kTileRows * Tile::kChunks; i += kPrefillThreads) {
    const int row = i / Tile::kChunks, column = i % Tile::kChunks * 8;
    const bool valid = row < rows && column < Tile::kDim;
    copy_async(shared + row * Tile::kStride + column, valid ? q + int64_t(row) * width + column : q, valid);
  }
}

// RowState is what a warp has summed for its 32 rows; lane l holds rows l/4 + 8i of each half.
template <class Tile>
struct RowState {
  static constexpr int kColumns = Tile::kPadded / 8;
  float o[2][kColumns][4], top[2][2], sum[2][2];

  __device__ void clear() {
#pragma unroll
    for (int m = 0; m < 2; m++) {
#pragma unroll
      for (int n = 0; n < kColumns; n++)
#pragma unroll
        for (int i = 0; i < 4; i++) o[m][n][i] = 0;
      top[m][0] = top[m][1] = minus_infinity();
      sum[m][0] = sum[m][1] = 0;
    }
  }
};

template <class Tile>
using TileScores = float[2][Tile::kKeys / 8][4];

template <class Tile>
__device__ __forceinline__ void multiply_keys(TileScores<Tile>& s, const bf16* rows, const bf16* keys) {
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int m = 0; m < 2; m++)
#pragma unroll
    for (int n = 0; n < Tile::kKeys / 8; n++)
#pragma unroll
      for (int i = 0; i < 4; i++) s[m][n][i] = 0;
#pragma unroll
  for (int k = 0; k < Tile::kPadded; k += 16) {
    uint32_t a[2][4];
#pragma unroll
    for (int m = 0; m < 2; m++) load_matrices(a[m], rows + (m * 16 + lane % 16) * Tile::kStride + k + lane / 16 * 8);
#pragma unroll
    for (int n = 0; n < Tile::kKeys / 16; n++) {
      uint32_t b[4];
      load_matrices(b, keys + (n * 16 + lane % 8 + lane / 16 * 8) * Tile::kStride + k + lane / 8 % 2 * 8);
#pragma unroll
      for (int m = 0; m < 2; m++) {
        mma(s[m][2 * n], a[m], b[0], b[1]);
        mma(s[m][2 * n + 1], a[m], b[2], b[3]);
      }
    }
  }
}

// mask_keys hides the keys after each row's last one; first_row and first_key are those of the warp's rows and the tile's keys.
template <class Tile>
__device__ __forceinline__ void mask_keys(TileScores<Tile>& s, int last_of_first_row, int step, int first_key) {
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int m = 0; m < 2; m++)
#pragma unroll
    for (int n = 0; n < Tile::kKeys / 8; n++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const int row = m * 16 + lane / 4 + i / 2 * 8, key = first_key + n * 8 + lane % 4 * 2 + i % 2;
        if (key > last_of_first_row + row * step) s[m][n][i] = minus_infinity();
      }
}

// weigh_scores makes weights of scores and scales what was summed under a lower maximum.
template <class Tile>
__device__ __forceinline__ void weigh_scores(RowState<Tile>& state, TileScores<Tile>& s, float scale) {
#pragma unroll
  for (int m = 0; m < 2; m++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float top = state.top[m][half];
#pragma unroll
      for (int n = 0; n < Tile::kKeys / 8; n++) top = max(top, max(s[m][n][2 * half], s[m][n][2 * half + 1]));
      top = max(top, __shfl_xor_sync(kAllLanes, top, 1));
      top = max(top, __shfl_xor_sync(kAllLanes, top, 2));
      const float f = shrink(state.top[m][half] * scale, top * scale), shift = top * scale;
      state.top[m][half] = top;
      float sum = 0;
#pragma unroll
      for (int n = 0; n < Tile::kKeys / 8; n++)
#pragma unroll
        for (int i = 2 * half; i < 2 * half + 2; i++) sum += s[m][n][i] = exp2_fast(s[m][n][i] * scale - shift);
      state.sum[m][half] = state.sum[m][half] * f + sum;
#pragma unroll
      for (int n = 0; n < RowState<Tile>::kColumns; n++) {
        state.o[m][n][2 * half] *= f;
        state.o[m][n][2 * half + 1] *= f;
      }
    }
}

template <class Tile>
__device__ __forceinline__ void add_values(RowState<Tile>& state, const TileScores<Tile>& s, const bf16* values) {
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int k = 0; k < Tile::kKeys / 16; k++) {
    uint32_t a[2][4];
#pragma unroll
    for (int m = 0; m < 2; m++)
#pragma unroll
      for (int i = 0; i < 4; i++) a[m][i] = pack_pair(s[m][2 * k + i / 2][i % 2 * 2], s[m][2 * k + i / 2][i % 2 * 2 + 1]);
#pragma unroll
    for (int n = 0; n < Tile::kPadded / 16; n++) {
      uint32_t b[4];
      load_matrices_transposed(b, values + (k * 16 + lane % 16) * Tile::kStride + n * 16 + lane / 16 * 8);
#pragma unroll
      for (int m = 0; m < 2; m++) {
        mma(state.o[m][2 * n], a[m], b[0], b[1]);
        mma(state.o[m][2 * n + 1], a[m], b[2], b[3]);
      }
    }
  }
}

// Answer is where a block's rows go, from its first row on and at its head.
struct Answer {
  bf16* dst;
  int stride;
  float* log_sum;  // or null
  int log_sum_stride;
};

// write_rows divides by the sums.
template <class Tile>
__device__ __forceinline__ void write_rows(RowState<Tile>& state, const Answer& answer, int rows, float scale) {
  const int lane = threadIdx.x % kWarp, first = threadIdx.x / kWarp * 32;
#pragma unroll
  for (int m = 0; m < 2; m++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float sum = state.sum[m][half];
      sum += __shfl_xor_sync(kAllLanes, sum, 1);
      sum += __shfl_xor_sync(kAllLanes, sum, 2);
      const int row = first + m * 16 + half * 8 + lane / 4;
      if (row >= rows) continue;
      const float share = 1.0f / sum;
      if (answer.log_sum && lane % 4 == 0) answer.log_sum[int64_t(row) * answer.log_sum_stride] = (state.top[m][half] * scale + log2f(sum)) / kLog2E;
      bf16* at = answer.dst + int64_t(row) * answer.stride + lane % 4 * 2;
#pragma unroll
      for (int n = 0; n < Tile::kDim / 8; n++)
        *reinterpret_cast<uint32_t*>(at + n * 8) = pack_pair(state.o[m][n][2 * half] * share, state.o[m][n][2 * half + 1] * share);
    }
}

// attend_rows is the block's work: rows of q against the keys of source up to last (of the first row, growing by step a row).
template <class Tile, class Keys>
__device__ __forceinline__ void attend_rows(const Answer& answer, const bf16* q, int width, int rows, Keys source, int last, int step, float scale) {
  bf16* shared_rows = reinterpret_cast<bf16*>(dynamic_shared_memory());
  bf16* stages = shared_rows + kTileRows * Tile::kStride;
  const int warp_row = threadIdx.x / kWarp * 32;
  const int seen = min(source.rows, last + (min(rows, kTileRows) - 1) * step + 1), tiles = (seen + Tile::kKeys - 1) / Tile::kKeys;

  RowState<Tile> state;
  state.clear();
  source.look_up(0);
  fetch_rows<Tile>(shared_rows, q, width, rows);
  fetch_tile<Tile>(stages, source, 0);
  commit_copies();
  source.look_up(Tile::kKeys);
  for (int tile = 0; tile < tiles; tile++) {
    wait_copies<0>();
    __syncthreads();
    const bf16* stage = stages + tile % 2 * 2 * Tile::kKeyValues;
    if (tile + 1 < tiles) {
      fetch_tile<Tile>(stages + (tile + 1) % 2 * 2 * Tile::kKeyValues, source, (tile + 1) * Tile::kKeys);
      source.look_up((tile + 2) * Tile::kKeys);
    }
    commit_copies();
    TileScores<Tile> s;
    multiply_keys<Tile>(s, shared_rows + warp_row * Tile::kStride, stage);
    const int first_key = tile * Tile::kKeys;
    if (first_key + Tile::kKeys - 1 > last + warp_row * step) mask_keys<Tile>(s, last + warp_row * step, step, first_key);
    weigh_scores<Tile>(state, s, scale);
    add_values<Tile>(state, s, stage + Tile::kKeyValues);
  }
  write_rows<Tile>(state, answer, rows, scale);
}

// The grid is (heads, blocks of rows, sequences). The last rows of a prompt see the most keys: their blocks come first, of all heads, so
// that none is left alone at the end; heads that share keys run side by side.
template <int kDim, int kKeys>
__global__ void __launch_bounds__(kPrefillThreads) attend_prefill(PrefillParams p) {
  using Tile = PrefillTile<kDim, kKeys>;
  const int sequence = blockIdx.z, head = blockIdx.x, first = int(gridDim.y - 1 - blockIdx.y) * kTileRows;
  const int entry = p.layer * p.batch.sequences + sequence, begin = p.batch.first_row[sequence], rows = p.batch.first_row[sequence + 1] - begin;
  if (first >= rows) return;
  const int row = begin + first, stride = p.heads.query * kDim;
  bf16* dst = p.dst + int64_t(row) * stride + head * kDim;
  const int table = p.batch.table[entry];
  if (table == kNoPages) {
    for (int i = threadIdx.x; i < min(kTileRows, rows - first) * kDim; i += kPrefillThreads) dst[int64_t(i / kDim) * stride + i % kDim] = __float2bfloat16(0);
    return;
  }
  const int cached = p.batch.cached[entry];
  PagedKeys<Tile> keys{p.pool, p.batch.pages + table, p.heads.kv, head / p.heads.group(), cached + rows, {}};
  const Answer answer{dst, stride, p.log_sum ? p.log_sum + int64_t(row) * p.heads.query + head : nullptr, p.heads.query};
  attend_rows<Tile>(answer, p.qkv + int64_t(row) * p.heads.width() + head * kDim, p.heads.width(), rows - first, keys, cached + first, 1, p.scale);
}

template <int kDim, int kKeys>
__global__ void __launch_bounds__(kPrefillThreads) mix(MixParams p) {
  using Tile = PrefillTile<kDim, kKeys>;
  const int head = blockIdx.x, first = blockIdx.y * kTileRows, width = p.heads.width(), stride = p.heads.query * kDim;
  const bf16* sequence = p.qkv + int64_t(blockIdx.z) * p.rows * width;
  StridedKeys keys{sequence + (p.heads.query + head / p.heads.group()) * kDim, int64_t(p.heads.kv) * kDim, width, p.rows, 0};
  bf16* dst = p.dst + (int64_t(blockIdx.z) * p.rows + first) * stride + head * kDim;
  attend_rows<Tile>({dst, stride, nullptr, 0}, sequence + int64_t(first) * width + head * kDim, width, p.rows - first, keys, p.rows - 1, 0, p.scale);
}

}  // namespace aircache
