#pragma once

#include "../kernels/ahead.cuh"
#include "matrix.h"

namespace aircache {

// dst may be x.
// rms_norm brings what is ahead to the second-level cache meanwhile.
cudaError_t run_rms_norm(const Matrix& dst, const Matrix& x, const Matrix& weight, float eps, cudaStream_t stream, const Ahead& ahead = Ahead());
cudaError_t run_layer_norm(const Matrix& dst, const Matrix& x, const Matrix& weight, const Matrix& bias, float eps, cudaStream_t stream);

}  // namespace aircache
