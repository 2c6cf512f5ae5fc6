// A matrix as the C interface gives it, and the choice of a kernel by its type.
#pragma once

#include "../aircache.h"
#include "../kernels/values.cuh"

namespace aircache {

using Matrix = aircache_matrix;

inline int64_t count(const Matrix& m) { return int64_t(m.rows) * m.cols; }
inline size_t value_bytes(int type) { return type == AIRCACHE_F32 ? 4 : 2; }

template <class T>
T* values(const Matrix& m) { return static_cast<T*>(m.data); }

// by_type calls f with a null pointer of the type that all given matrices must have.
template <class F, class... Others>
cudaError_t by_type(F f, const Matrix& first, const Others&... others) {
  if (!(... && (others.type == first.type))) return cudaErrorInvalidValue;
  if (first.type == AIRCACHE_BF16) return f(static_cast<bf16*>(nullptr));
  if (first.type == AIRCACHE_F32) return f(static_cast<float*>(nullptr));
  return cudaErrorInvalidValue;
}

// grid_for is how many blocks cover n threads, within what one launch takes; kernels stride.
inline dim3 grid_for(int64_t n, int threads) {
  const int64_t blocks = (n + threads - 1) / threads;
  return dim3(unsigned(blocks < 65535 ? blocks : 65535));
}

}  // namespace aircache
