#pragma once

#include "matrix.h"

namespace aircache {

// run_add takes x of either type, dst.rows a multiple of x.rows.
cudaError_t run_add(const Matrix& dst, const Matrix& x, cudaStream_t stream);
cudaError_t run_activate(const Matrix& x, int function, cudaStream_t stream);
cudaError_t run_gated_silu(const Matrix& dst, const Matrix& x, cudaStream_t stream);
// run_convert: n values of type from (AIRCACHE_F16 too) to AIRCACHE_F32 or AIRCACHE_BF16.
cudaError_t run_convert(void* dst, int to, const void* src, int from, int64_t n, cudaStream_t stream);

}  // namespace aircache
