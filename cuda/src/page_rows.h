#pragma once

#include "../kernels/pages.cuh"

namespace aircache {

// Lists lie on the device: pages of the sequence, row [lists, count] or null. packed is [K, V][KV heads][count][dim].
cudaError_t run_take_rows(bf16* packed, bf16* pool, const int* pages, const int* row, int lists, int count, Heads heads, cudaStream_t stream);
cudaError_t run_put_rows(bf16* pool, const int* pages, bf16* packed, int count, Heads heads, cudaStream_t stream);
// run_spread_rows turns the K (or V) half of packed into float32 rows.
cudaError_t run_spread_rows(float* dst, const bf16* packed, int count, Heads heads, cudaStream_t stream);

}  // namespace aircache
