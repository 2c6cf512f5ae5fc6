#include "page_rows.h"

#include "../kernels/page_rows.cuh"

namespace aircache {

cudaError_t run_take_rows(bf16* packed, bf16* pool, const int* pages, const int* row, int lists, int count, Heads heads, cudaStream_t stream) {
  if (count == 0) return cudaSuccess;
  return launch(move_page_rows, dim3(count, heads.kv, 2), dim3(kWarp), 0, stream, PageRowsParams{pool, pages, row, packed, lists, count, heads, false});
}

cudaError_t run_put_rows(bf16* pool, const int* pages, bf16* packed, int count, Heads heads, cudaStream_t stream) {
  if (count == 0) return cudaSuccess;
  return launch(move_page_rows, dim3(count, heads.kv, 2), dim3(kWarp), 0, stream, PageRowsParams{pool, pages, nullptr, packed, 1, count, heads, true});
}

cudaError_t run_spread_rows(float* dst, const bf16* packed, int count, Heads heads, cudaStream_t stream) {
  if (count == 0) return cudaSuccess;
  return launch(spread_rows, dim3(count), dim3(128), 0, stream, dst, packed, count, heads.kv, heads.dim);
}

}  // namespace aircache
