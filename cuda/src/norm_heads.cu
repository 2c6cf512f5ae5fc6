#include "../kernels/norm_heads.cuh"

namespace aircache {

constexpr int kHeadNormThreads = 64;

cudaError_t run_norm_heads(const NormHeadsParams& p, cudaStream_t stream) {
  if (p.rows == 0) return cudaSuccess;
  if (p.queries < 1 || p.keys < 1 || p.query_cols < 1 || p.key_cols < 1 || p.queries * p.query_cols + p.keys * p.key_cols > p.width) return cudaErrorInvalidValue;
  const dim3 grid(unsigned(p.rows), unsigned(p.queries + p.keys));
  if (p.key_cols % 8 == 0 && wide(p.query_cols, p.qkv, p.query, p.key) && p.width % 8 == 0) return launch(norm_heads<8>, grid, dim3(kHeadNormThreads), 0, stream, p);
  return launch(norm_heads<1>, grid, dim3(kHeadNormThreads), 0, stream, p);
}

}  // namespace aircache
