#include "../kernels/turn.cuh"

#include "matrix.h"

namespace aircache {

constexpr int kTurnThreads = 256;

cudaError_t run_turn(const TurnParams& p, cudaStream_t stream) {
  const int heads = p.heads.query + p.heads.kv;
  if (p.rows == 0) return cudaSuccess;
  if (p.heads.dim < 2 || p.heads.dim % 2 != 0 || heads < 1) return cudaErrorInvalidValue;
  const int64_t pairs = int64_t(p.rows) * heads * (p.heads.dim / 2);
  if (p.heads.dim % 16 == 0 && wide(p.heads.width(), p.qkv, p.angles)) return launch(turn<8>, grid_for(pairs / 8, kTurnThreads), dim3(kTurnThreads), 0, stream, p);
  return launch(turn<1>, grid_for(pairs, kTurnThreads), dim3(kTurnThreads), 0, stream, p);
}

}  // namespace aircache
