#include "linear.h"

#include "../kernels/linear_plain.cuh"
#ifndef __CUDACC__
#include "../simt/multiply.h"
#endif

namespace aircache {

template <class T, class Out>
static cudaError_t plain(const Matrix& dst, const Matrix& x, const Matrix& w, const Matrix& bias, bool add, cudaStream_t stream) {
  const LinearParams<T, Out> p{values<Out>(dst), values<T>(x), values<T>(w), values<T>(bias), x.rows, w.rows, x.cols, add};
#ifdef __CUDACC__
  const dim3 grid((p.n + kPlainTile - 1) / kPlainTile, (p.m + kPlainTile - 1) / kPlainTile);
  if (grid.y > 65535) return cudaErrorInvalidValue;
  return launch(linear_plain<T, Out>, grid, dim3(kPlainTile * kPlainTile), 0, stream, p);
#else
  (void)stream;
  return simt::multiply(p);  // thread by thread a model would take minutes
#endif
}

cudaError_t run_linear_plain(const Matrix& dst, const Matrix& x, const Matrix& w, const Matrix& bias, bool add, cudaStream_t stream) {
  if (x.rows == 0) return cudaSuccess;
  if (w.type != x.type || (bias.data && bias.type != x.type)) return cudaErrorInvalidValue;
  return by_type([&](auto* in) {
    return by_type([&](auto* out) {
      return plain<std::remove_pointer_t<decltype(in)>, std::remove_pointer_t<decltype(out)>>(dst, x, w, bias, add, stream);
    }, dst);
  }, x);
}

}  // namespace aircache
