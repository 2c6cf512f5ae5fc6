#include "linear_stream.h"

#include <algorithm>

#include "../kernels/linear_stream.cuh"

namespace aircache {

bool stream_suits(const Matrix& dst, const Matrix& x, const Matrix& w, const Matrix& bias) {
  return x.type == AIRCACHE_BF16 && w.type == AIRCACHE_BF16 && (!bias.data || bias.type == AIRCACHE_BF16) && (dst.type == AIRCACHE_BF16 || dst.type == AIRCACHE_F32) &&
         x.rows <= kStreamRows && wide(x.cols, x.data, w.data) && wide(8, dst.data);
}

constexpr int kRowsOfW = 64, kDepthOfK = 128;

template <int kShared, int kCluster, int kTiles>
static cudaError_t stream(const StreamParams& p, int multiprocessors, cudaStream_t to) {
  using Tile = StreamTile<kRowsOfW, kDepthOfK, kShared, kTiles, kCluster>;
  const int clusters = std::min(std::max(1, multiprocessors / kCluster), (p.n + 15) / 16);
  Work work = overlapping(dim3(clusters * kCluster), dim3(Tile::kThreads), to, Tile::kBytes);
  work.cluster = kCluster;
  return launch(linear_stream<kRowsOfW, kDepthOfK, kShared, kTiles, kCluster>, work, p);
}

template <int kShared, int kCluster>
static cudaError_t by_rows(const StreamParams& p, int multiprocessors, cudaStream_t to) {
  switch ((p.m + 7) / 8) {
    case 1: return stream<kShared, kCluster, 1>(p, multiprocessors, to);
    case 2: return stream<kShared, kCluster, 2>(p, multiprocessors, to);
    case 3: return stream<kShared, kCluster, 3>(p, multiprocessors, to);
    case 4: return stream<kShared, kCluster, 4>(p, multiprocessors, to);
  }
  return cudaErrorInvalidValue;
}

cudaError_t run_linear_stream(const Matrix& dst, const Matrix& x, const Matrix& w, const Matrix& bias, bool add, int multiprocessors, cudaStream_t stream) {
  if (x.rows == 0 || w.rows == 0) return cudaSuccess;
  if (!stream_suits(dst, x, w, bias) || x.cols == 0) return cudaErrorInvalidValue;
  const StreamParams p{dst.data, values<bf16>(x), values<bf16>(w), values<bf16>(bias), x.rows, w.rows, x.cols, dst.type == AIRCACHE_F32, add};
  int most = 0;
  if (const cudaError_t e = shared_memory_of_a_block(&most); e != cudaSuccess) return e;
  // Two rings fit side by side on an H100, so that the next product's fills while this one's runs dry.
  if (most >= 112 << 10 && has_clusters()) return by_rows<112 << 10, 2>(p, multiprocessors, stream);
  return by_rows<98 << 10, 1>(p, multiprocessors, stream);
}

}  // namespace aircache
