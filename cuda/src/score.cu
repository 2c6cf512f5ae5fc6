#include "../kernels/score.cuh"

#include <math.h>

#include "../kernels/collect.cuh"

namespace aircache {

static bool impossible(const Observed& seen) {
  const Heads& h = seen.heads;
  return h.kv == 0 || h.query % h.kv != 0 || h.group() > 8 || seen.rows < 1 || seen.rows > kMostObserved || (h.dim != 64 && h.dim != 128);
}

constexpr int kMostQueryBytes = 112 << 10;  // of columns: two blocks on an H100's multiprocessor, 448 rows x 128

static float scale_of(const Observed& seen) { return kLog2E / sqrtf(float(seen.heads.dim)); }

cudaError_t run_relevance(RelevanceParams p, cudaStream_t stream) {
  if (impossible(p.seen)) return cudaErrorInvalidValue;
  p.scale = scale_of(p.seen);
  return launch(p.seen.heads.dim == 128 ? relevance<128> : relevance<64>, dim3(p.seen.heads.kv, p.seen.layers), dim3(kRelevanceThreads), 0, stream, p);
}

cudaError_t run_elite(const EliteParams& p, cudaStream_t stream) {
  if (p.rows < 1 || p.rows > kMostObserved || p.least < 1 || p.most < p.least) return cudaErrorInvalidValue;
  return launch(elite, dim3(p.layers), dim3(kMostObserved), 0, stream, p);
}

cudaError_t run_mass(MassParams p, cudaStream_t stream) {
  if (impossible(p.seen) || p.splits < 1 || p.window.most > kMostObserved) return cudaErrorInvalidValue;
  p.scale = scale_of(p.seen);
  const bool wide = p.seen.heads.dim == 128;
  const size_t shared = wide ? MassTile<128>::kBytes : MassTile<64>::kBytes;
  return launch(wide ? mass<128> : mass<64>, dim3(p.splits, p.seen.heads.kv, p.seen.layers), dim3(kScoreThreads), shared, stream, p);
}

cudaError_t run_factors(const FactorParams& p, cudaStream_t stream) {
  return launch(factors, dim3(p.heads.kv, p.layers), dim3(kScoreThreads), 0, stream, p);
}

cudaError_t run_columns(ColumnParams p, cudaStream_t stream) {
  if (impossible(p.seen)) return cudaErrorInvalidValue;
  if (p.columns.count == 0) return cudaSuccess;
  p.scale = scale_of(p.seen);
  int shared = 0;
  if (const cudaError_t e = shared_memory_of_a_block(&shared); e != cudaSuccess) return e;
  const int row_bytes = p.seen.heads.dim * int(sizeof(bf16)), rows = bias_stride(p.window.most * p.seen.heads.group());
  p.chunk = min(rows, min(kMostQueryBytes, shared) / row_bytes / 16 * 16);
  p.sharing = 1;
  while (p.sharing < kScoreWarps && p.columns.count * p.sharing * 2 <= kRoundKeys) p.sharing *= 2;
  const int keys = kColumnRounds * kRoundKeys / p.sharing;
  const dim3 grid((p.columns.count + keys - 1) / keys, p.seen.heads.kv, p.seen.layers);
  const size_t bytes = max(p.chunk * row_bytes, kRoundKeys * int(sizeof(float)));
  const auto by_past = [&](auto* visible, auto* past) {
    if (const cudaError_t e = want_shared_memory(visible); e != cudaSuccess) return e;
    return launch(p.columns.past ? past : visible, grid, dim3(kScoreThreads), bytes, stream, p);
  };
  return p.seen.heads.dim == 128 ? by_past(columns<128, false>, columns<128, true>) : by_past(columns<64, false>, columns<64, true>);
}

cudaError_t run_received(const ReceivedParams& p, cudaStream_t stream) {
  return launch(received, dim3(p.layers), dim3(kCollectThreads), 0, stream, p);
}

cudaError_t run_lengths(const LengthParams& p, cudaStream_t stream) {
  constexpr int kRows = kLengthThreads / kWarp;
  if (p.columns.count == 0) return cudaSuccess;
  return launch(lengths, dim3((p.columns.count + kRows - 1) / kRows, p.seen.layers), dim3(kLengthThreads), 0, stream, p);
}

cudaError_t run_collect(const CollectParams& p, cudaStream_t stream) {
  if (p.shown < 1 || p.shown > kMostShown || p.reach < 0 || (p.reach > 0 && p.order == p.score)) return cudaErrorInvalidValue;
  return launch(collect, dim3(p.layers), dim3(kCollectThreads), p.shown * sizeof(float), stream, p);
}

}  // namespace aircache
