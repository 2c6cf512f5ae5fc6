#pragma once

#include "matrix.h"

namespace aircache {

// Lists of rows lie on the device. run_gather copies the first dst.cols columns.
cudaError_t run_gather(const Matrix& dst, const Matrix& src, const int* rows, cudaStream_t stream);
cudaError_t run_scatter(const Matrix& dst, const Matrix& src, const int* rows, cudaStream_t stream);
// run_blend: taps rows make one; rows and shares are [dst.rows, taps].
cudaError_t run_blend(const Matrix& dst, const Matrix& src, const int* rows, const float* shares, int taps, cudaStream_t stream);
cudaError_t run_embed(const Matrix& dst, const Matrix& table, const int* token, const int* last, cudaStream_t stream);
// run_angles: dst f32 [rows, 2 * inverse.cols], inverse f32 [1, half].
cudaError_t run_angles(const Matrix& dst, const Matrix& inverse, const int* position, cudaStream_t stream);

}  // namespace aircache
