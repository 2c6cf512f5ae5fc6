#include "../kernels/attend_prefill.cuh"

#include <math.h>

namespace aircache {

static dim3 grid_of(int rows, const Heads& heads, int sequences) { return dim3(heads.query, (rows + kTileRows - 1) / kTileRows, sequences); }

static bool impossible(const Heads& h) { return h.kv == 0 || h.query % h.kv != 0; }

template <int kDim, int kKeys>
static cudaError_t attend(const PrefillParams& p, cudaStream_t stream) {
  return launch(attend_prefill<kDim, kKeys>, grid_of(p.most_rows, p.heads, p.batch.sequences), dim3(kPrefillThreads), PrefillTile<kDim, kKeys>::kBytes, stream, p);
}

template <int kDim, int kKeys>
static cudaError_t attend(const MixParams& p, cudaStream_t stream) {
  return launch(mix<kDim, kKeys>, grid_of(p.rows, p.heads, p.sequences), dim3(kPrefillThreads), PrefillTile<kDim, kKeys>::kBytes, stream, p);
}

// attend_128 takes the tile of 64 keys where the GPU's blocks can have the shared memory for it.
template <class Params>
static cudaError_t attend_128(const Params& p, cudaStream_t stream) {
  int most = 0;
  const cudaError_t e = shared_memory_of_a_block(&most);
  if (e != cudaSuccess) return e;
  return size_t(most) >= PrefillTile<128, 64>::kBytes ? attend<128, 64>(p, stream) : attend<128, 32>(p, stream);
}

cudaError_t run_attend_prefill(PrefillParams p, cudaStream_t stream) {
  if (p.batch.rows == 0) return cudaSuccess;
  if (impossible(p.heads) || p.most_rows < 1) return cudaErrorInvalidValue;
  p.scale = kLog2E / sqrtf(float(p.heads.dim));
  if (p.heads.dim == 128) return attend_128(p, stream);
  if (p.heads.dim == 64) return attend<64, 64>(p, stream);
  return cudaErrorInvalidValue;
}

cudaError_t run_mix(MixParams p, cudaStream_t stream) {
  if (p.sequences == 0 || p.rows == 0) return cudaSuccess;
  if (impossible(p.heads)) return cudaErrorInvalidValue;
  p.scale = kLog2E / sqrtf(float(p.heads.dim));
  if (p.heads.dim == 128) return attend_128(p, stream);
  if (p.heads.dim == 72) return attend<72, 64>(p, stream);
  if (p.heads.dim == 80) return attend<80, 64>(p, stream);
  if (p.heads.dim == 64) return attend<64, 64>(p, stream);
  return cudaErrorInvalidValue;
}

}  // namespace aircache
