#include "../kernels/attend_prefill.cuh"

#include <math.h>

namespace aircache {

static dim3 grid_of(int rows, const Heads& heads, int sequences) { return dim3(heads.query, (rows + kTileRows - 1) / kTileRows, sequences); }

static bool impossible(const Heads& h) { return h.kv == 0 || h.query % h.kv != 0; }

cudaError_t run_attend_prefill(PrefillParams p, cudaStream_t stream) {
  if (p.batch.rows == 0) return cudaSuccess;
  if (impossible(p.heads) || p.most_rows < 1) return cudaErrorInvalidValue;
  p.scale = kLog2E / sqrtf(float(p.heads.dim));
  const dim3 grid = grid_of(p.most_rows, p.heads, p.batch.sequences), block(kPrefillThreads);
  if (p.heads.dim == 128) return launch(attend_prefill<128>, grid, block, PrefillTile<128>::kBytes, stream, p);
  if (p.heads.dim == 64) return launch(attend_prefill<64>, grid, block, PrefillTile<64>::kBytes, stream, p);
  return cudaErrorInvalidValue;
}

cudaError_t run_mix(MixParams p, cudaStream_t stream) {
  if (p.sequences == 0 || p.rows == 0) return cudaSuccess;
  if (impossible(p.heads)) return cudaErrorInvalidValue;
  p.scale = kLog2E / sqrtf(float(p.heads.dim));
  const dim3 grid = grid_of(p.rows, p.heads, p.sequences), block(kPrefillThreads);
  if (p.heads.dim == 128) return launch(mix<128>, grid, block, PrefillTile<128>::kBytes, stream, p);
  if (p.heads.dim == 72) return launch(mix<72>, grid, block, PrefillTile<72>::kBytes, stream, p);
  if (p.heads.dim == 64) return launch(mix<64>, grid, block, PrefillTile<64>::kBytes, stream, p);
  return cudaErrorInvalidValue;
}

}  // namespace aircache
