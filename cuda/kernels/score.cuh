// Scores of visual rows: what the rows of an observation window attend to, for all layers of a prompt at once.
//
//   mass     maximum and sum of every (row, head)'s softmax   grid (splits, kv, layers)
//   factors  weight / (heads * sum)                           grid (kv, layers)
//   columns  sum[l, h, c] over the window's rows and heads    grid (keys / 128, kv, layers)
//
// A softmax needs its sum before its parts, so keys are read twice, the second time with the scores computed again: storing them would
// move rows * heads * 4 bytes a key, reading a key again moves 2*dim. A warp holds 32 keys as left operands in registers; rows of the
// window x heads of a group pass by 8 at a time from shared memory. Sums have a fixed order.
//
// The weights of the window's rows (received) ask for softmaxes over all that a row sees. Prefill has their sums: with them only the
// observed rows' own keys are multiplied; without them mass goes over all keys once more.
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

// KeyFragments are a warp's 32 keys of the tile as left operands: they stay in registers while the window's rows pass by.
template <int kDim>
struct KeyFragments {
  uint32_t a[2][kDim / 16][4];
  int limit[2][2];  // of the lane's keys lane/4 + 8h of both halves

  __device__ void load(const KeyTile<kDim>& tile) {
    const int lane = threadIdx.x % kWarp, first = threadIdx.x / kWarp * 32;
#pragma unroll
    for (int m = 0; m < 2; m++) {
#pragma unroll
      for (int k = 0; k < kDim / 16; k++) load_matrices(a[m][k], tile.keys + (first + m * 16 + lane % 16) * KeyTile<kDim>::kStride + k * 16 + lane / 16 * 8);
#pragma unroll
      for (int h = 0; h < 2; h++) limit[m][h] = tile.row[first + m * 16 + h * 8 + lane / 4];
    }
  }
};

// RowChunk is 64 rows of the window in shared memory, with the cache row of each and what its exponentials count.
template <int kDim>
struct RowChunk {
  static constexpr int kRows = 64, kStride = kDim + 8;
  static constexpr size_t kBytes = kRows * (sizeof(float2) + sizeof(int) + kStride * sizeof(bf16));

  float2* factor;
  int* limit;
  bf16* rows;

  __device__ explicit RowChunk(unsigned char* shared)
      : factor(reinterpret_cast<float2*>(shared)), limit(reinterpret_cast<int*>(factor + kRows)), rows(reinterpret_cast<bf16*>(limit + kRows)) {}

  // fetch leaves rows beyond the last as zeros that see nothing.
  __device__ void fetch(const Observed& seen, const WindowRows& window, const float2* factors, int first) const {
    constexpr int kChunks = kDim / 8;
    for (int i = threadIdx.x; i < kRows; i += kScoreThreads) {
      const bool valid = first + i < window.rows();
      limit[i] = valid ? seen.row[window.observed(first + i)] : -2;
      if (factors) factor[i] = valid ? factors[first + i] : make_float2(0, 0);
    }
#pragma unroll
    for (int i = threadIdx.x; i < kRows * kChunks; i += kScoreThreads) {
      const int row = first + i / kChunks, column = i % kChunks * 8;
      const bool valid = row < window.rows();
      const int from = valid ? row : 0;
      const int head = window.head * window.group + from % window.group;
      const bf16* query = seen.query[window.layer] + (int64_t(window.observed(from)) * seen.heads.query + head) * kDim;
      copy_async(rows + i / kChunks * kStride + column, query + column, valid);
    }
    commit_copies();
  }
};

// score_rows multiplies 8 rows of a chunk with the warp's keys: s[m][i] is of key lane/4 + 8*(i/2) of half m and of row 2*(lane%4) + i%2.
// What a row does not see is -infinity.
template <int kDim>
__device__ __forceinline__ void score_rows(float (&s)[2][4], const KeyFragments<kDim>& keys, const RowChunk<kDim>& chunk, int first, float scale) {
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int m = 0; m < 2; m++)
#pragma unroll
    for (int i = 0; i < 4; i++) s[m][i] = 0;
#pragma unroll
  for (int k = 0; k < kDim / 16; k += 2) {
    uint32_t b[4];
    load_matrices(b, chunk.rows + (first + lane % 8) * RowChunk<kDim>::kStride + k * 16 + lane / 8 * 8);
#pragma unroll
    for (int m = 0; m < 2; m++) {
      mma(s[m], keys.a[m][k], b[0], b[1]);
      mma(s[m], keys.a[m][k + 1], b[2], b[3]);
    }
  }
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int limit = chunk.limit[first + lane % 4 * 2 + i % 2];
#pragma unroll
    for (int m = 0; m < 2; m++) s[m][i] = keys.limit[m][i / 2] <= limit ? s[m][i] * scale : minus_infinity();
  }
}

// pass_rows gives the window's rows from begin to end, 8 at a time, to take(chunk, place in the chunk, row of the window); the next
// chunk lands meanwhile.
template <int kDim, class Take>
__device__ __forceinline__ void pass_rows(const Observed& seen, const WindowRows& window, const float2* factors, unsigned char* shared, int begin,
                                          int end, Take take) {
  using Chunk = RowChunk<kDim>;
  Chunk(shared).fetch(seen, window, factors, begin);
  for (int first = begin; first < end; first += Chunk::kRows) {
    const int here = (first - begin) / Chunk::kRows % 2;
    wait_copies<0>();
    __syncthreads();
    if (first + Chunk::kRows < end) Chunk(shared + (1 - here) * Chunk::kBytes).fetch(seen, window, factors, first + Chunk::kRows);
    const Chunk chunk(shared + here * Chunk::kBytes);
    for (int i = 0; i < Chunk::kRows && first + i < end; i += 8) take(chunk, i, first + i);
  }
}

template <int kDim>
constexpr size_t kScoreBytes = KeyTile<kDim>::kBytes + 2 * RowChunk<kDim>::kBytes;

// add_mass takes 8 rows' scores of a warp's keys into the rows' maxima and sums.
__device__ __forceinline__ void add_mass(float2* state, const float (&s)[2][4], int row, int rows) {
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int c = 0; c < 2; c++) {
    const int mine = row + lane % 4 * 2 + c;
    float top = max(max(s[0][c], s[0][c + 2]), max(s[1][c], s[1][c + 2]));
#pragma unroll
    for (int mask = 4; mask < kWarp; mask <<= 1) top = max(top, __shfl_xor_sync(kAllLanes, top, mask));
    const float2 before = mine < rows ? state[mine] : make_float2(minus_infinity(), 0);
    top = max(top, before.x);
    const float shift = top == minus_infinity() ? 0 : top;
    float sum = exp2_fast(s[0][c] - shift) + exp2_fast(s[0][c + 2] - shift) + exp2_fast(s[1][c] - shift) + exp2_fast(s[1][c + 2] - shift);
#pragma unroll
    for (int mask = 4; mask < kWarp; mask <<= 1) sum += __shfl_xor_sync(kAllLanes, sum, mask);
    if (mine < rows && lane < 4) state[mine] = make_float2(top, before.y * shrink(before.x, top) + sum);
  }
  __syncwarp();
}

// mass: the block's share of the columns, 128 at a time, for all rows; each warp keeps its own maxima and sums in shared memory. Where
// there is no room for those of all rows, the columns are gone over again for every span of rows.
template <int kDim>
__global__ void __launch_bounds__(kScoreThreads) mass(MassParams p) {
  const int head = blockIdx.y, layer = blockIdx.z;
  const WindowRows window = WindowRows::of(p.seen, p.window, layer, head);
  unsigned char* shared = dynamic_shared_memory();
  const KeyTile<kDim> tile(shared);
  float2* states = reinterpret_cast<float2*>(shared + kScoreBytes<kDim>);
  float2* state = states + threadIdx.x / kWarp * p.span;

  const int keys = p.columns.count + (p.with_window ? window.count : 0), tiles = (keys + kScoreKeys - 1) / kScoreKeys;
  const int share = (tiles + p.splits - 1) / p.splits, from = blockIdx.x * share, to = min(tiles, from + share);
  float2* part = p.part + (int64_t(layer) * p.seen.heads.kv + head) * p.window.most * window.group * p.splits + blockIdx.x;
  for (int begin = 0; begin < window.rows(); begin += p.span) {
    const int end = min(window.rows(), begin + p.span);
    for (int i = threadIdx.x; i < kScoreWarps * p.span; i += kScoreThreads) states[i] = make_float2(minus_infinity(), 0);
    for (int t = from; t < to; t++) {
      __syncthreads();
      tile.fetch(p.seen, p.columns, window, p.with_window, t * kScoreKeys);
      wait_copies<0>();
      __syncthreads();
      KeyFragments<kDim> fragments;
      fragments.load(tile);
      pass_rows<kDim>(p.seen, window, nullptr, shared + KeyTile<kDim>::kBytes, begin, end, [&](const RowChunk<kDim>& chunk, int place, int row) {
        float s[2][4];
        score_rows<kDim>(s, fragments, chunk, place, p.scale);
        add_mass(state, s, row - begin, end - begin);
      });
    }
    __syncthreads();
    for (int row = begin + threadIdx.x; row < end; row += kScoreThreads) {
      const float2* mine = states + row - begin;
      float top = minus_infinity(), sum = 0;
      for (int w = 0; w < kScoreWarps; w++) top = max(top, mine[w * p.span].x);
      for (int w = 0; w < kScoreWarps; w++) sum += mine[w * p.span].y * shrink(mine[w * p.span].x, top);
      part[int64_t(row) * p.splits] = make_float2(top, sum);
    }
    __syncthreads();
  }
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
      const float2* part = p.part + at * p.splits;
      for (int s = 0; s < p.splits; s++) top = max(top, part[s].x);
      for (int s = 0; s < p.splits; s++) sum += part[s].y * shrink(part[s].x, top);
    }
    const float weight = p.plain ? 1.0f : p.weight ? p.weight[int64_t(layer) * p.rows + observed] : 1.0f / count;
    p.factor[at] = sum > 0 ? make_float2(top, weight / (p.heads.query * sum)) : make_float2(0, 0);
  }
}

// columns: a warp sums over all rows for its 32 keys; a lane has every fourth pair of rows, so four lanes are added up at the end.
template <int kDim>
__global__ void __launch_bounds__(kScoreThreads) columns(ColumnParams p) {
  const int head = blockIdx.y, layer = blockIdx.z, warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const WindowRows window = WindowRows::of(p.seen, p.window, layer, head);
  unsigned char* shared = dynamic_shared_memory();
  const KeyTile<kDim> tile(shared);
  tile.fetch(p.seen, p.columns, window, false, blockIdx.x * kScoreKeys);
  wait_copies<0>();
  __syncthreads();
  KeyFragments<kDim> fragments;
  fragments.load(tile);
  const float2* factors = p.factor + (int64_t(layer) * p.seen.heads.kv + head) * p.window.most * window.group;
  float sum[2][2] = {};
  pass_rows<kDim>(p.seen, window, factors, shared + KeyTile<kDim>::kBytes, 0, window.rows(), [&](const RowChunk<kDim>& chunk, int place, int) {
    float s[2][4];
    score_rows<kDim>(s, fragments, chunk, place, p.scale);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const float2 f = chunk.factor[place + lane % 4 * 2 + i % 2];
#pragma unroll
      for (int m = 0; m < 2; m++) sum[m][i / 2] += f.y * exp2_fast(s[m][i] - f.x);
    }
  });
#pragma unroll
  for (int m = 0; m < 2; m++)
#pragma unroll
    for (int h = 0; h < 2; h++) {
      float v = sum[m][h];
      v += __shfl_xor_sync(kAllLanes, v, 1);
      v += __shfl_xor_sync(kAllLanes, v, 2);
      const int c = blockIdx.x * kScoreKeys + warp * 32 + m * 16 + h * 8 + lane / 4;
      if (lane % 4 == 0 && c < p.columns.count) p.sum[(int64_t(layer) * p.seen.heads.kv + head) * p.columns.count + c] = v;
    }
}

}  // namespace aircache
