#pragma once

#include "matrix.h"

namespace aircache {

// dst may be x.
cudaError_t run_rms_norm(const Matrix& dst, const Matrix& x, const Matrix& weight, float eps, cudaStream_t stream);
cudaError_t run_layer_norm(const Matrix& dst, const Matrix& x, const Matrix& weight, const Matrix& bias, float eps, cudaStream_t stream);

}  // namespace aircache
