#include "../kernels/attend_decode.cuh"

#include <math.h>

namespace aircache {

constexpr int kPlanThreads = 256;

cudaError_t decode_blocks(int* blocks) {
  int device = 0;
  cudaError_t e = cudaGetDevice(&device);
  if (e == cudaSuccess) e = cudaDeviceGetAttribute(blocks, cudaDevAttrMultiProcessorCount, device);
  *blocks *= 2;
  return e;
}

cudaError_t plan_decode_step(const Batch& batch, const DecodeWork& work, int kv_heads, cudaStream_t stream) {
  if (batch.sequences == 0) return cudaSuccess;
  if (batch.sequences > 8192 || work.blocks == 0 || work.least_pages < 1) return cudaErrorInvalidValue;
  return launch(plan_decode, dim3(batch.layers), dim3(kPlanThreads), (batch.sequences + 1) * sizeof(int), stream, batch, work, kv_heads);
}

template <int kDim, int kStages>
static cudaError_t run(const DecodeParams& p, cudaStream_t stream) {
  return launch(attend_decode<kDim, kStages>, Work{dim3(p.work.blocks), dim3(kDecodeWarps * kWarp), DecodeTile<kDim, kStages>::kBytes, stream, p.after_append}, p);
}

cudaError_t run_attend_decode(DecodeParams p, cudaStream_t stream) {
  if (p.batch.sequences == 0) return cudaSuccess;
  if (p.heads.kv == 0 || p.heads.query % p.heads.kv != 0 || p.heads.group() > kMostGroup) return cudaErrorInvalidValue;
  p.scale = kLog2E / sqrtf(float(p.heads.dim));
  int most = 0;
  const cudaError_t e = shared_memory_of_a_block(&most);
  if (e != cudaSuccess) return e;
  // As many stages as leave room for two blocks on an SM of 228 KB; two where a block cannot have that much.
  if (p.heads.dim == 128) return size_t(most) >= DecodeTile<128, 3>::kBytes ? run<128, 3>(p, stream) : run<128, 2>(p, stream);
  if (p.heads.dim == 64) return run<64, 5>(p, stream);
  return cudaErrorInvalidValue;
}

}  // namespace aircache
