// Scores of visual rows: what the rows of an observation window attend to, for all layers of a prompt at once.
//
//   mass     maximum and sum of every (row, head)'s softmax   grid (splits, kv, layers)
//   factors  log2(weight / (heads * sum)) - maximum           grid (kv, layers)
//   columns  sum[l, h, c] over the window's rows and heads    grid (keys / 512, kv, layers)
//
// A softmax needs its sum before its parts. Prefill knows the sum over all that a row sees (FactorParams.log_sum): a sum over the picture
// and the window is that without the other rows, which are few, and keys are read once. Where the others have nearly all of it, the
// difference would lose its digits: such rows are listed, and mass adds them up.
//
// Both kernels hold 32 rows of one side in a warp's registers while the other side passes by in shared memory, 16 rows at a time: shared
// memory is then read at 0.6 of the rate that the tensor cores need. columns holds keys, so that a sum over queries stays in a lane;
// mass holds queries, so that a sum over keys does, under a maximum of the lane's own.
//
// Bytes: 2 * layers * kv * dim a key: 8192 keys, 28 layers, 4 x 128: 235 MB, 78 us at 3.0 TB/s. FLOPs: 2 * dim * heads * rows * layers a
// key: 13 GFLOP at 8 rows, 105 at 64 (0.13 ms at 790 TFLOP/s).
#pragma once

#include "copy_async.cuh"
#include "mma.cuh"
#include "softmax.cuh"
#include "window.cuh"

namespace aircache {

constexpr int kScoreWarps = 8, kScoreThreads = kScoreWarps * kWarp;
constexpr int kHeldRows = 32;                                // of a warp, in registers
constexpr int kRoundKeys = kScoreWarps * kHeldRows;          // columns: of a block at a time
constexpr int kColumnRounds = 2;                             // so that a block's queries are fetched for more than one
constexpr int kMassKeys = 128;                               // mass: in shared memory at a time
constexpr float kDifference = 1.0f / 16;                     // a sum over fewer parts of the whole is not taken as a difference

// WindowRows are the rows of one layer's window times the heads of a group, or some of them.
struct WindowRows {
  const int* list;
  const int* only;  // which rows; null: all
  int count, some, group, head, layer;

  __device__ static WindowRows of(const Observed& seen, const Window& w, int layer, int head) {
    const int count = w.count ? w.count[layer] : seen.rows;
    return {w.list ? w.list + int64_t(layer) * w.most : nullptr, nullptr, count, count * seen.heads.group(), seen.heads.group(), head, layer};
  }
  __device__ int rows() const { return some; }
  __device__ int number(int i) const { return only ? only[i] : i; }
  __device__ int observed(int row) const { return list ? list[row / group] : row / group; }
  template <int kDim>
  __device__ const bf16* query(const Observed& seen, int row) const {
    return seen.query[layer] + (int64_t(observed(row)) * seen.heads.query + head * group + row % group) * kDim;
  }
  // holds says whether a cache row is one of the window's.
  __device__ bool holds(const Observed& seen, int cached) const {
    int low = 0, high = count;
    while (low < high) {
      const int middle = (low + high) / 2, row = seen.row[observed(middle * group)];
      if (row == cached) return true;
      if (row < cached) low = middle + 1; else high = middle;
    }
    return false;
  }
};

// chunk_at is where 8 values of a row lie in shared memory: eight rows of one column of chunks fill all banks.
template <int kDim>
__device__ __forceinline__ bf16* chunk_at(bf16* tile, int row, int chunk) {
  return tile + row * kDim + (chunk ^ (row & 7)) * 8;
}

// matrix_offset is where a lane's row of an 8 x 8 matrix begins: chunk 0 or 1 of one of 16 rows. That of chunk 2k or 2k + 1, any number of 16
// rows further, is (offset + rows * kDim) ^ 16k: no more than two instructions.
template <int kDim>
__device__ __forceinline__ int matrix_offset(int row, int chunk) {
  return row * kDim + (chunk ^ (row & 7)) * 8;
}

// MassTile is where 128 keys of a head come to lie in shared memory: columns first, then, with kAlsoWindow, the window's own rows. They are
// looked up one tile before they are fetched, and that is one tile before they are used.
template <int kDim>
struct MassTile {
  static constexpr int kKeyBytes = kMassKeys * kDim * sizeof(bf16), kLookups = 3;
  static constexpr size_t kBytes = 2 * kKeyBytes + kLookups * kMassKeys * (sizeof(const bf16*) + sizeof(int));
  bf16* keys;
  const bf16** source;
  int* row;  // the cache row up to which a row of the window must be to see the key; -1: seen by all, the highest: by none

  __device__ MassTile(unsigned char* shared, int tile)
      : keys(reinterpret_cast<bf16*>(shared + tile % 2 * kKeyBytes)),
        source(reinterpret_cast<const bf16**>(shared + 2 * kKeyBytes) + tile % kLookups * kMassKeys),
        row(reinterpret_cast<int*>(shared + 2 * kKeyBytes + kLookups * kMassKeys * sizeof(const bf16*)) + tile % kLookups * kMassKeys) {}

  __device__ void look_up(const MassParams& p, const WindowRows& window, int first) const {
    const int i = threadIdx.x, x = first + i, count = p.columns.count;
    if (i >= kMassKeys) return;
    const bool is_column = x < count;
    source[i] = nullptr, row[i] = 0x7fffffff;
    if (x >= count + (p.of_window == kAlsoWindow ? window.count : 0)) return;
    const int cached = !is_column ? p.seen.row[window.observed((x - count) * window.group)] : p.columns.row ? p.columns.row[x] : x;
    source[i] = key_row(p.seen, window.layer, window.head, cached);
    if (p.of_window != kNotWindow || !window.holds(p.seen, cached)) row[i] = is_column && !p.columns.past ? -1 : cached;
  }

  // fetch starts copies; keys beyond the last are zeros.
  __device__ void fetch(const bf16* pool) const {
    constexpr int kChunks = kDim / 8;
#pragma unroll
    for (int copy = 0; copy < kMassKeys * kChunks / kScoreThreads; copy++) {
      const int i = copy * kScoreThreads + threadIdx.x, key = i / kChunks, chunk = i % kChunks;
      copy_async(chunk_at<kDim>(keys, key, chunk), (source[key] ? source[key] : pool) + chunk * 8, source[key] != nullptr);
    }
    commit_copies();
  }
};

// HeldQueries are 32 rows of queries as left operands.
template <int kDim>
using HeldQueries = uint32_t[2][kDim / 16][4];

// hold_queries takes the lane's rows, l/4 + 8r, from where at(r) points; null is a row of zeros.
template <int kDim, class At>
__device__ __forceinline__ void hold_queries(HeldQueries<kDim>& a, At at) {
#pragma unroll
  for (int r = 0; r < 4; r++) {
    const bf16* row = at(r);
#pragma unroll
    for (int k = 0; k < kDim / 16; k++)
#pragma unroll
      for (int half = 0; half < 2; half++)
        a[r / 2][k][half * 2 + r % 2] = row ? *reinterpret_cast<const uint32_t*>(row + k * 16 + half * 8 + threadIdx.x % 4 * 2) : 0;
  }
}

using Products = float[2][2][4];  // 32 queries x 16 keys

// multiply takes keys from the 16 rows whose offset for this lane is given.
template <int kDim>
__device__ __forceinline__ void multiply(Products& s, const HeldQueries<kDim>& a, const bf16* keys, int offset) {
#pragma unroll
  for (int m = 0; m < 2; m++)
#pragma unroll
    for (int n = 0; n < 2; n++)
#pragma unroll
      for (int i = 0; i < 4; i++) s[m][n][i] = 0;
#pragma unroll
  for (int k = 0; k < kDim / 16; k++) {
    uint32_t b[4];
    load_matrices(b, keys + (offset ^ k * 16));
#pragma unroll
    for (int m = 0; m < 2; m++) {
      mma(s[m][0], a[m][k], b[0], b[1]);
      mma(s[m][1], a[m][k], b[2], b[3]);
    }
  }
}

constexpr float kNothing = -1e30f;  // the maximum of no scores: finite, so that differences are

__device__ __forceinline__ float2 together(float2 a, float2 b) {
  const float top = max(a.x, b.x);
  return make_float2(top, a.y * exp2_fast(a.x - top) + b.y * exp2_fast(b.x - top));
}

// mass: the block's share of the columns, 128 at a time, for up to 256 rows at a time: a warp holds 32 of them, or warps that hold the same
// rows share the keys. A lane's maximum follows only what is over it by 2^8: sums have room for that.
template <int kDim>
__global__ void __launch_bounds__(kScoreThreads, 2) mass(MassParams p) {
  const int head = blockIdx.y, layer = blockIdx.z, warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  WindowRows window = WindowRows::of(p.seen, p.window, layer, head);
  const int64_t group = int64_t(layer) * p.seen.heads.kv + head;
  if (p.only) window.only = p.only + group * p.window.most * window.group, window.some = p.only_count[group];
  const int rows = window.rows(), keys = p.columns.count + (p.of_window == kAlsoWindow ? window.count : 0);
  const int tiles = (keys + kMassKeys - 1) / kMassKeys, share = (tiles + p.splits - 1) / p.splits, from = blockIdx.x * share, to = min(tiles, from + share);
  unsigned char* shared = dynamic_shared_memory();
  for (int base = 0; base < rows; base += kRoundKeys) {
    int teams = 1;
    while (teams < kScoreWarps && teams * kHeldRows < rows - base) teams *= 2;
    const int first = base + warp % teams * kHeldRows, part = warp / teams, parts = kScoreWarps / teams;
    const int offset = matrix_offset<kDim>(lane % 8 + lane / 16 * 8, lane / 8 % 2);
    HeldQueries<kDim> a;
    int limit[4];
    float2 state[4];
    int row[4];
#pragma unroll
    for (int r = 0; r < 4; r++) {
      const int i = first + r * 8 + lane / 4;
      row[r] = i < rows ? window.number(i) : -1;
      limit[r] = row[r] < 0 ? -2 : p.seen.row[window.observed(row[r])];
      state[r] = make_float2(kNothing, 0);
    }
    hold_queries<kDim>(a, [&](int r) { return row[r] < 0 ? nullptr : window.query<kDim>(p.seen, row[r]); });
    __syncthreads();
    for (int t = from; t < from + 2; t++) MassTile<kDim>(shared, t).look_up(p, window, t * kMassKeys);
    __syncthreads();
    if (from < to) MassTile<kDim>(shared, from).fetch(p.seen.pool);
    for (int t = from; t < to; t++) {
      const MassTile<kDim> tile(shared, t);
      wait_copies<0>();
      __syncthreads();
      if (t + 1 < to) MassTile<kDim>(shared, t + 1).fetch(p.seen.pool);
      if (t + 2 < to) MassTile<kDim>(shared, t + 2).look_up(p, window, (t + 2) * kMassKeys);
      if (first >= rows) continue;
      const bool plain = !p.columns.past && p.of_window != kNotWindow && (t + 1) * kMassKeys <= p.columns.count;
      for (int key = part * 16; key < kMassKeys; key += parts * 16) {
        Products s;
        multiply<kDim>(s, a, tile.keys, offset + key * kDim);
        if (!plain) {
#pragma unroll
          for (int n = 0; n < 2; n++)
#pragma unroll
            for (int i = 0; i < 2; i++) {
              const int seen_from = tile.row[key + n * 8 + lane % 4 * 2 + i];
#pragma unroll
              for (int r = 0; r < 4; r++)
                if (seen_from > limit[r]) s[r / 2][n][r % 2 * 2 + i] = minus_infinity();
            }
        }
#pragma unroll
        for (int r = 0; r < 4; r++) {
          const float x[4] = {s[r / 2][0][r % 2 * 2], s[r / 2][0][r % 2 * 2 + 1], s[r / 2][1][r % 2 * 2], s[r / 2][1][r % 2 * 2 + 1]};
          const float top = max(max(x[0], x[1]), max(x[2], x[3])) * p.scale;
          if (top > state[r].x + 8) {
            state[r].y *= exp2_fast(state[r].x - top);
            state[r].x = top;
          }
          float more = 0;
#pragma unroll
          for (int i = 0; i < 4; i++) more += exp2_fast(x[i] * p.scale - state[r].x);
          state[r].y += more;
        }
      }
    }
    __syncthreads();
    float2* sums = reinterpret_cast<float2*>(shared);  // [parts][teams * 32]
#pragma unroll
    for (int r = 0; r < 4; r++) {
#pragma unroll
      for (int mask = 1; mask < 4; mask <<= 1) state[r] = together(state[r], make_float2(__shfl_xor_sync(kAllLanes, state[r].x, mask), __shfl_xor_sync(kAllLanes, state[r].y, mask)));
      if (lane % 4 == 0) sums[warp * kHeldRows + r * 8 + lane / 4] = state[r];
    }
    __syncthreads();
    for (int i = threadIdx.x; i < teams * kHeldRows && base + i < rows; i += kScoreThreads) {
      float2 sum = sums[i];
      for (int other = 1; other < parts; other++) sum = together(sum, sums[other * teams * kHeldRows + i]);
      p.part[(group * p.window.most * window.group + window.number(base + i)) * p.splits + blockIdx.x] = sum;
    }
  }
}

// factors puts the splits together, in their order.
__global__ void __launch_bounds__(kScoreThreads) static factors(FactorParams p) {
  const int head = blockIdx.x, layer = blockIdx.y, group = p.heads.group(), most = p.window.most * group;
  const int count = p.window.count ? p.window.count[layer] : p.rows;
  const int64_t mine = int64_t(layer) * p.heads.kv + head;
  float* bias = p.bias + mine * bias_stride(most);
  __shared__ int listed;
  if (threadIdx.x == 0) listed = 0;
  __syncthreads();
  const int rows = p.only ? p.only_count[mine] : (count * group + 15) / 16 * 16;
  for (int i = threadIdx.x; i < rows; i += blockDim.x) {
    const int row = p.only ? p.only[mine * most + i] : i;
    if (row >= count * group) {
      bias[row] = minus_infinity();
      continue;
    }
    const int64_t at = mine * most + row;
    const int observed = p.window.list ? p.window.list[int64_t(layer) * p.window.most + row / group] : row / group;
    float top = kNothing, sum = 0;
    if (p.log_sum) {
      top = p.log_sum[layer][int64_t(observed) * p.heads.query + head * group + row % group] * kLog2E;
      sum = 1;
      if (p.others) {
        sum -= p.others[at].y * exp2_fast(p.others[at].x - top);
        if (!(sum >= kDifference)) {
          p.list[mine * most + atomicAdd(&listed, 1)] = row;
          continue;
        }
      }
    } else {
      const float2* part = p.part + (p.of_all ? (mine * p.rows + observed) * group + row % group : at) * p.splits;
      for (int s = 0; s < p.splits; s++) top = max(top, part[s].x);
      if (p.extra) top = max(top, p.extra[at].x);
      for (int s = 0; s < p.splits; s++) sum += part[s].y * exp2_fast(part[s].x - top);
      if (p.extra) sum += p.extra[at].y * exp2_fast(p.extra[at].x - top);
    }
    const float weight = p.plain ? 1.0f : p.weight ? p.weight[int64_t(layer) * p.rows + observed] : 1.0f / count;
    bias[row] = sum > 0 && weight > 0 ? log2f(weight / (p.heads.query * sum)) - top : minus_infinity();
  }
  if (!p.list) return;
  __syncthreads();
  if (threadIdx.x == 0) p.listed[mine] = listed;
}

// HeldKeys are 32 keys as right operands. A lane reads 16 bytes at a time: of 32 dimensions, the tensor cores see word w of lane c's as
// they would see word c of chunk w; put_query gives queries the same order.
template <int kDim>
using HeldKeys = uint32_t[4][kDim / 16][2];

template <int kDim, class At>
__device__ __forceinline__ void hold_keys(HeldKeys<kDim>& b, At at) {
#pragma unroll
  for (int n = 0; n < 4; n++) {
    const bf16* row = at(n);
#pragma unroll
    for (int j = 0; j < kDim / 32; j++) {
      const uint4 v = row ? *reinterpret_cast<const uint4*>(row + j * 32 + threadIdx.x % 4 * 8) : make_uint4(0, 0, 0, 0);
      b[n][2 * j][0] = v.x, b[n][2 * j][1] = v.y, b[n][2 * j + 1][0] = v.z, b[n][2 * j + 1][1] = v.w;
    }
  }
}

// put_query stores 8 values of a query, the chunk-th of its row.
template <int kDim>
__device__ __forceinline__ void put_query(bf16* tile, int row, int chunk, uint4 v) {
  const uint32_t words[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
  for (int w = 0; w < 4; w++) reinterpret_cast<uint32_t*>(chunk_at<kDim>(tile, row, chunk / 4 * 4 + w))[chunk % 4] = words[w];
}

// put_queries brings rows from..from+count to shared memory, zeros behind the last. A thread has kAtOnce reads under way: one after the
// other they would take as long as a block's products.
template <int kDim, int kAtOnce>
__device__ __forceinline__ void put_queries(bf16* tile, const Observed& seen, const WindowRows& window, int from, int count) {
  constexpr int kChunks = kDim / 8;
  const bf16* queries = seen.query[window.layer] + window.head * window.group * kDim;
  const int stride = seen.heads.query * kDim, rows = window.rows();
  for (int first = threadIdx.x; first < count * kChunks; first += kAtOnce * kScoreThreads) {
    uint4 v[kAtOnce];
#pragma unroll
    for (int n = 0; n < kAtOnce; n++) {
      const int i = first + n * kScoreThreads, row = min(from + i / kChunks, rows - 1);
      v[n] = *reinterpret_cast<const uint4*>(queries + int64_t(window.observed(row)) * stride + row % window.group * kDim + i % kChunks * 8);
      if (from + i / kChunks >= rows) v[n] = make_uint4(0, 0, 0, 0);
    }
#pragma unroll
    for (int n = 0; n < kAtOnce; n++) {
      const int i = first + n * kScoreThreads;
      if (i < count * kChunks) put_query<kDim>(tile, i / kChunks, i % kChunks, v[n]);
    }
  }
}

// score_keys: 32 keys x the 16 queries whose offset for this lane is given.
template <int kDim>
__device__ __forceinline__ void score_keys(float (&s)[4][4], const HeldKeys<kDim>& b, const bf16* queries, int offset) {
#pragma unroll
  for (int n = 0; n < 4; n++)
#pragma unroll
    for (int i = 0; i < 4; i++) s[n][i] = 0;
#pragma unroll
  for (int k = 0; k < kDim / 16; k++) {
    uint32_t a[4];
    load_matrices(a, queries + (offset ^ k * 16));
#pragma unroll
    for (int n = 0; n < 4; n++) mma(s[n], a, b[n][k][0], b[n][k][1]);
  }
}

// columns: a warp holds 32 keys, the window's rows pass by 16 at a time, of which a lane sums two; lanes at the end. Where keys are few,
// warps share the rows instead. kPast: a row sees keys up to itself.
template <int kDim, bool kPast>
__global__ void __launch_bounds__(kScoreThreads, kPast ? 1 : 2) columns(ColumnParams p) {
  const int head = blockIdx.y, layer = blockIdx.z, warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const WindowRows window = WindowRows::of(p.seen, p.window, layer, head);
  const int64_t group = int64_t(layer) * p.seen.heads.kv + head;
  const float* bias = p.bias + group * bias_stride(p.window.most * window.group);
  bf16* tile = reinterpret_cast<bf16*>(dynamic_shared_memory());  // [chunk, dim] queries
  const int rows = window.rows(), padded = (rows + 15) / 16 * 16, part = warp % p.sharing, keys = kRoundKeys / p.sharing;
  const auto cached = [&](int c) { return p.columns.row ? p.columns.row[c] : c; };
  const int offset = matrix_offset<kDim>(lane % 16, lane / 16);
  int held = 0;  // the first of the queries in shared memory
  put_queries<kDim, 7>(tile, p.seen, window, 0, min(p.chunk, padded));
  for (int round = 0; round < kColumnRounds; round++) {
    const int block_key = (blockIdx.x * kColumnRounds + round) * keys, first = block_key + warp / p.sharing * kHeldRows;
    if (block_key >= p.columns.count) return;
    HeldKeys<kDim> b;
    float sum[4][2] = {};
    hold_keys<kDim>(b, [&](int n) {
      const int c = first + n * 8 + lane / 4;
      return c < p.columns.count ? key_row(p.seen, layer, head, cached(c)) : nullptr;
    });
    for (int from = 0; from < padded; from += p.chunk) {
      const int there = min(p.chunk, padded - from);
      if (held == from) {
        if (from == 0 && round == 0) __syncthreads();
      } else {
        __syncthreads();
        put_queries<kDim, 2>(tile, p.seen, window, from, there);
        __syncthreads();
        held = from;
      }
      if (first >= p.columns.count) continue;
      for (int row = part * 16; row < there; row += p.sharing * 16) {
        float s[4][4];
        const float* shift = bias + from + row + lane / 4;
        const float shifts[2] = {shift[0], shift[8]};
        score_keys<kDim>(s, b, tile, offset + row * kDim);
#pragma unroll
        for (int n = 0; n < 4; n++)
#pragma unroll
          for (int i = 0; i < 4; i++) {
            float x = exp2_fast(s[n][i] * p.scale + shifts[i / 2]);
            if constexpr (kPast) {
              const int c = min(first + n * 8 + lane % 4 * 2 + i % 2, p.columns.count - 1), asking = min(from + row + lane / 4 + i / 2 * 8, rows - 1);
              if (cached(c) > p.seen.row[window.observed(asking)]) x = 0;
            }
            sum[n][i % 2] += x;
          }
      }
    }
    float* sums = reinterpret_cast<float*>(tile);  // [warps][32]
    if (p.sharing > 1) __syncthreads(), held = -1;
#pragma unroll
    for (int n = 0; n < 4; n++)
#pragma unroll
      for (int i = 0; i < 2; i++) {
#pragma unroll
        for (int mask = 4; mask < kWarp; mask <<= 1) sum[n][i] += __shfl_xor_sync(kAllLanes, sum[n][i], mask);
        const int key = n * 8 + lane % 4 * 2 + i;
        if (lane >= 4) continue;
        if (p.sharing > 1) sums[warp * kHeldRows + key] = sum[n][i];
        else if (first + key < p.columns.count) p.sum[group * p.columns.count + first + key] = sum[n][i];
      }
    if (p.sharing == 1) continue;
    __syncthreads();
    for (int i = threadIdx.x; i < keys && block_key + i < p.columns.count; i += kScoreThreads) {
      float all = 0;
      for (int other = 0; other < p.sharing; other++) all += sums[(i / kHeldRows * p.sharing + other) * kHeldRows + i % kHeldRows];
      p.sum[group * p.columns.count + block_key + i] = all;
    }
  }
}

}  // namespace aircache
