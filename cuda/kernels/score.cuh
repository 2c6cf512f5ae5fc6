// Scores of visual rows: what the rows of an observation window attend to, for all layers of a prompt at once.
//
//   mass     maximum and sum of every (row, head)'s softmax   grid (splits, kv, layers)
//   factors  weight / (heads * sum)                           grid (kv, layers)
//   columns  sum[l, h, c] over the window's rows and heads    grid (keys / 128, kv, layers)
//
// A softmax needs its sum before its parts, so keys are read twice, the second time with the scores computed again: storing them would
// move rows * heads * 4 bytes a key, reading a key again moves 2*dim. Rows of the window x heads of a group are the rows of tensor-core
// tiles, 128 keys in shared memory the columns; sums over rows go lane, warp, block, in a fixed order. (Keys in registers while rows
// pass by took twice the time for mass on an H100: a row's maximum and sum then cross eight lanes every 32 keys, here four every 64.)
//
// The weights of the window's rows (received) ask for softmaxes over all that a row sees, the importance for softmaxes over the picture
// and the window. Both share the picture's part: one mass over it for all observed rows, and small ones over what else each sees.
//
// Bytes: 2 * layers * kv * dim * 2 a key, and half of that again for the lengths of values: 8192 keys, 28 layers, 4 x 128: 705 MB,
// 0.24 ms at 3.0 TB/s. FLOPs: 4 * dim * heads * rows * layers a key: 26 GFLOP at 8 rows (0.1 ms at 250 TFLOP/s), 210 at 64.
#pragma once

#include "copy_async.cuh"
#include "mma.cuh"
#include "softmax.cuh"
#include "window.cuh"

namespace aircache {

constexpr int kScoreWarps = 4, kScoreThreads = kScoreWarps * kWarp;
constexpr int kScoreKeys = 128;  // of a block at a time

// WindowRows are the rows of one layer's window times the heads of a group.
struct WindowRows {
  const int* list;
  int count, group, head, layer;

  __device__ static WindowRows of(const Observed& seen, const Window& w, int layer, int head) {
    return {w.list ? w.list + int64_t(layer) * w.most : nullptr, w.count ? w.count[layer] : seen.rows, seen.heads.group(), head, layer};
  }
  __device__ int rows() const { return count * group; }
  __device__ int observed(int row) const { return list ? list[row / group] : row / group; }
};

// load_window_rows brings 16 rows as left operands; those beyond the last are zeros.
template <int kDim>
__device__ __forceinline__ void load_window_rows(uint32_t (&a)[kDim / 16][4], const Observed& seen, const WindowRows& window, int first) {
  const int lane = threadIdx.x % kWarp;
  const bf16* at[2];
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const int row = first + lane / 4 + half * 8;
    at[half] = row < window.rows()
                   ? seen.query[window.layer] + (int64_t(window.observed(row)) * seen.heads.query + window.head * window.group + row % window.group) * kDim + lane % 4 * 2
                   : nullptr;
  }
#pragma unroll
  for (int k = 0; k < kDim / 16; k++)
#pragma unroll
    for (int i = 0; i < 4; i++) a[k][i] = at[i % 2] ? *reinterpret_cast<const uint32_t*>(at[i % 2] + k * 16 + i / 2 * 8) : 0;
}

// KeyTile is 128 keys of a head in shared memory: columns first, then, with_window, the window's own rows.
template <int kDim>
struct KeyTile {
  static constexpr int kStride = kDim + 8;
  static constexpr size_t kBytes = kScoreKeys * (sizeof(const bf16*) + kStride * sizeof(bf16) + sizeof(int));

  const bf16** source;
  bf16* keys;
  int* row;  // the cache row up to which a row of the window must be to see the key; -1: seen by all

  __device__ explicit KeyTile(unsigned char* shared)
      : source(reinterpret_cast<const bf16**>(shared)),
        keys(reinterpret_cast<bf16*>(shared + kScoreKeys * sizeof(const bf16*))),
        row(reinterpret_cast<int*>(keys + kScoreKeys * kStride)) {}

  // fetch leaves keys beyond the last as zeros that no row sees. All threads call it; keys are there after wait_copies and a barrier.
  __device__ void fetch(const Observed& seen, const Columns& columns, const WindowRows& window, bool with_window, int first) const {
    const int extra = with_window ? window.count : 0;
    for (int i = threadIdx.x; i < kScoreKeys; i += kScoreThreads) {
      const int x = first + i;
      const bool is_column = x < columns.count, valid = x < columns.count + extra;
      const int cached = !valid ? 0 : !is_column ? seen.row[window.observed((x - columns.count) * window.group)] : columns.row ? columns.row[x] : x;
      row[i] = !valid ? 0x7fffffff : is_column && !columns.past ? -1 : cached;
      source[i] = key_row(seen, window.layer, window.head, cached);
    }
    __syncthreads();
    constexpr int kChunks = kDim / 8;
    for (int i = threadIdx.x; i < kScoreKeys * kChunks; i += kScoreThreads) {
      const int key = i / kChunks, column = i % kChunks * 8;
      copy_async(keys + key * kStride + column, source[key] + column, first + key < columns.count + extra);
    }
    commit_copies();
  }
};

using HalfScores = float[kScoreKeys / 16][4];  // 16 rows x 64 keys

// score_half multiplies and hides what a row does not see. limits are the cache rows of the lane's two rows.
template <int kDim>
__device__ __forceinline__ void score_half(HalfScores& s, const uint32_t (&a)[kDim / 16][4], const KeyTile<kDim>& tile, int half, const int (&limits)[2], float scale) {
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int n = 0; n < kScoreKeys / 16; n++)
#pragma unroll
    for (int i = 0; i < 4; i++) s[n][i] = 0;
#pragma unroll
  for (int k = 0; k < kDim / 16; k++)
#pragma unroll
    for (int n = 0; n < kScoreKeys / 32; n++) {
      uint32_t b[4];
      load_matrices(b, tile.keys + (half * 64 + n * 16 + lane % 8 + lane / 16 * 8) * KeyTile<kDim>::kStride + k * 16 + lane / 8 % 2 * 8);
      mma(s[2 * n], a[k], b[0], b[1]);
      mma(s[2 * n + 1], a[k], b[2], b[3]);
    }
#pragma unroll
  for (int n = 0; n < kScoreKeys / 16; n++)
#pragma unroll
    for (int i = 0; i < 4; i++) s[n][i] = tile.row[half * 64 + n * 8 + lane % 4 * 2 + i % 2] <= limits[i / 2] ? s[n][i] * scale : minus_infinity();
}

__device__ __forceinline__ void row_limits(int (&limits)[2], const Observed& seen, const WindowRows& window, int first) {
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const int row = first + threadIdx.x % kWarp / 4 + half * 8;
    limits[half] = row < window.rows() ? seen.row[window.observed(row)] : -2;  // sees nothing
  }
}

// mass: the block's share of the columns, 128 at a time, for all rows; a warp owns every fourth 16 rows and keeps their maxima
// and sums in shared memory.
template <int kDim>
__global__ void __launch_bounds__(kScoreThreads) mass(MassParams p) {
  const int head = blockIdx.y, layer = blockIdx.z, warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const WindowRows window = WindowRows::of(p.seen, p.window, layer, head);
  const KeyTile<kDim> tile(dynamic_shared_memory());
  float2* state = reinterpret_cast<float2*>(dynamic_shared_memory() + KeyTile<kDim>::kBytes);
  const int most = p.window.most * window.group, rows = window.rows();
  for (int row = threadIdx.x; row < rows; row += kScoreThreads) state[row] = make_float2(minus_infinity(), 0);

  const int keys = p.columns.count + (p.with_window ? window.count : 0), tiles = (keys + kScoreKeys - 1) / kScoreKeys;
  const int share = (tiles + p.splits - 1) / p.splits, from = blockIdx.x * share, to = min(tiles, from + share);
  for (int t = from; t < to; t++) {
    __syncthreads();
    tile.fetch(p.seen, p.columns, window, p.with_window, t * kScoreKeys);
    wait_copies<0>();
    __syncthreads();
    for (int first = warp * 16; first < rows; first += kScoreWarps * 16) {
      uint32_t a[kDim / 16][4];
      int limits[2];
      load_window_rows<kDim>(a, p.seen, window, first);
      row_limits(limits, p.seen, window, first);
#pragma unroll
      for (int half = 0; half < 2; half++) {
        HalfScores s;
        score_half<kDim>(s, a, tile, half, limits, p.scale);
#pragma unroll
        for (int r = 0; r < 2; r++) {
          const int row = first + lane / 4 + r * 8;
          float top = minus_infinity(), sum = 0;
#pragma unroll
          for (int n = 0; n < kScoreKeys / 16; n++) top = max(top, max(s[n][2 * r], s[n][2 * r + 1]));
          top = max(top, __shfl_xor_sync(kAllLanes, top, 1));
          top = max(top, __shfl_xor_sync(kAllLanes, top, 2));
          const float2 before = row < rows ? state[row] : make_float2(minus_infinity(), 0);
          top = max(top, before.x);
          const float shift = top == minus_infinity() ? 0 : top;
#pragma unroll
          for (int n = 0; n < kScoreKeys / 16; n++) sum += exp2_fast(s[n][2 * r] - shift) + exp2_fast(s[n][2 * r + 1] - shift);
          sum += __shfl_xor_sync(kAllLanes, sum, 1);
          sum += __shfl_xor_sync(kAllLanes, sum, 2);
          __syncwarp();
          if (row < rows && lane % 4 == 0) state[row] = make_float2(top, before.y * shrink(before.x, top) + sum);
          __syncwarp();
        }
      }
    }
  }
  __syncthreads();
  for (int row = threadIdx.x; row < rows; row += kScoreThreads)
    p.part[((int64_t(layer) * p.seen.heads.kv + head) * most + row) * p.splits + blockIdx.x] = state[row];
}

// factors puts the splits together, in their order.
__global__ void __launch_bounds__(kScoreThreads) static factors(FactorParams p) {
  const int head = blockIdx.x, layer = blockIdx.y, group = p.heads.group(), most = p.window.most * group;
  const int count = p.window.count ? p.window.count[layer] : p.rows;
  for (int row = threadIdx.x; row < count * group; row += blockDim.x) {
    const int64_t at = (int64_t(layer) * p.heads.kv + head) * most + row;
    const int observed = p.window.list ? p.window.list[int64_t(layer) * p.window.most + row / group] : row / group;
    float top = minus_infinity(), sum = 0;
    if (p.log_sum) {
      top = p.log_sum[layer][int64_t(observed) * p.heads.query + head * group + row % group] * kLog2E;
      sum = 1;
    } else {
      const int64_t among_all = ((int64_t(layer) * p.heads.kv + head) * p.rows + observed) * group + row % group;
      const float2* part = p.part + (p.of_all ? among_all : at) * p.splits;
      for (int s = 0; s < p.splits; s++) top = max(top, part[s].x);
      if (p.extra) top = max(top, p.extra[at].x);
      for (int s = 0; s < p.splits; s++) sum += part[s].y * shrink(part[s].x, top);
      if (p.extra) sum += p.extra[at].y * shrink(p.extra[at].x, top);
    }
    const float weight = p.plain ? 1.0f : p.weight ? p.weight[int64_t(layer) * p.rows + observed] : 1.0f / count;
    p.factor[at] = sum > 0 ? make_float2(top, weight / (p.heads.query * sum)) : make_float2(0, 0);
  }
}

// columns: a warp sums every fourth 16 rows, its lanes hold two columns of every eight; then lanes, then warps.
template <int kDim>
__global__ void __launch_bounds__(kScoreThreads) columns(ColumnParams p) {
  __shared__ float sums[kScoreWarps][kScoreKeys];
  const int head = blockIdx.y, layer = blockIdx.z, warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, first_key = blockIdx.x * kScoreKeys;
  const WindowRows window = WindowRows::of(p.seen, p.window, layer, head);
  const KeyTile<kDim> tile(dynamic_shared_memory());
  const int rows = window.rows();
  const float2* factor = p.factor + (int64_t(layer) * p.seen.heads.kv + head) * p.window.most * window.group;
  tile.fetch(p.seen, p.columns, window, false, first_key);
  float sum[2][kScoreKeys / 16][2] = {};
  wait_copies<0>();
  __syncthreads();
  for (int first = warp * 16; first < rows; first += kScoreWarps * 16) {
    uint32_t a[kDim / 16][4];
    int limits[2];
    float2 f[2];
    load_window_rows<kDim>(a, p.seen, window, first);
    row_limits(limits, p.seen, window, first);
#pragma unroll
    for (int r = 0; r < 2; r++) {
      const int row = first + lane / 4 + r * 8;
      f[r] = row < rows ? factor[row] : make_float2(0, 0);
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
      HalfScores s;
      score_half<kDim>(s, a, tile, half, limits, p.scale);
#pragma unroll
      for (int n = 0; n < kScoreKeys / 16; n++)
#pragma unroll
        for (int i = 0; i < 4; i++) sum[half][n][i % 2] += f[i / 2].y * exp2_fast(s[n][i] - f[i / 2].x);
    }
  }
#pragma unroll
  for (int half = 0; half < 2; half++)
#pragma unroll
    for (int n = 0; n < kScoreKeys / 16; n++)
#pragma unroll
      for (int i = 0; i < 2; i++) {
        float v = sum[half][n][i];
#pragma unroll
        for (int mask = 4; mask < kWarp; mask <<= 1) v += __shfl_xor_sync(kAllLanes, v, mask);
        if (lane < 4) sums[warp][half * 64 + n * 8 + lane * 2 + i] = v;
      }
  __syncthreads();
  const int c = first_key + threadIdx.x;
  if (c < p.columns.count) {
    float v = 0;
    for (int w = 0; w < kScoreWarps; w++) v += sums[w][threadIdx.x];
    p.sum[(int64_t(layer) * p.seen.heads.kv + head) * p.columns.count + c] = v;
  }
}

}  // namespace aircache
