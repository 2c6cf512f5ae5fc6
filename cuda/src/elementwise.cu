#include "elementwise.h"

#include "../kernels/elementwise.cuh"

namespace aircache {

constexpr int kThreads = 256;

template <class T, class X>
static cudaError_t add(T* dst, const X* x, int64_t n, int64_t period, bool eight, cudaStream_t stream) {
  if (eight) return launch(add_repeated<8, T, X>, grid_for(n / 8, kThreads), dim3(kThreads), 0, stream, dst, x, n, period);
  return launch(add_repeated<1, T, X>, grid_for(n, kThreads), dim3(kThreads), 0, stream, dst, x, n, period);
}

cudaError_t run_add(const Matrix& dst, const Matrix& x, cudaStream_t stream) {
  const int64_t n = count(dst), period = count(x);
  if (n == 0) return cudaSuccess;
  const bool eight = wide(dst.cols, dst.data, x.data);
  return by_type([&](auto* to) {
    return by_type([&](auto* from) {
      return add(values<std::remove_pointer_t<decltype(to)>>(dst), values<const std::remove_pointer_t<decltype(from)>>(x), n, period, eight, stream);
    }, x);
  }, dst);
}

cudaError_t run_activate(const Matrix& x, int function, cudaStream_t stream) {
  const int64_t n = count(x);
  if (n == 0) return cudaSuccess;
  if (function < 0 || function > 2) return cudaErrorInvalidValue;
  return by_type([&](auto* null) {
    using T = std::remove_pointer_t<decltype(null)>;
    if (wide(x.cols, x.data)) return launch(activate<8, T>, grid_for(n / 8, kThreads), dim3(kThreads), 0, stream, values<T>(x), n, function);
    return launch(activate<1, T>, grid_for(n, kThreads), dim3(kThreads), 0, stream, values<T>(x), n, function);
  }, x);
}

cudaError_t run_gated_silu(const Matrix& dst, const Matrix& x, cudaStream_t stream) {
  const int64_t n = count(dst);
  if (n == 0) return cudaSuccess;
  return by_type([&](auto* null) {
    using T = std::remove_pointer_t<decltype(null)>;
    if (wide(dst.cols, dst.data, x.data)) {
      return launch(gated_silu<8, T>, overlapping(grid_for(n / 8, kThreads), dim3(kThreads), stream), values<T>(dst), values<T>(x), dst.rows, dst.cols);
    }
    return launch(gated_silu<1, T>, overlapping(grid_for(n, kThreads), dim3(kThreads), stream), values<T>(dst), values<T>(x), dst.rows, dst.cols);
  }, dst, x);
}

template <class To, class From>
static cudaError_t convert_values(void* dst, const void* src, int64_t n, cudaStream_t stream) {
  To* to = static_cast<To*>(dst);
  const From* from = static_cast<const From*>(src);
  const int64_t even = wide(8, dst, src) ? n / 8 * 8 : 0;
  cudaError_t e = cudaSuccess;
  if (even > 0) e = launch(convert<8, To, From>, grid_for(even / 8, kThreads), dim3(kThreads), 0, stream, to, from, even);
  if (e == cudaSuccess && even < n) e = launch(convert<1, To, From>, grid_for(n - even, kThreads), dim3(kThreads), 0, stream, to + even, from + even, n - even);
  return e;
}

template <class To>
static cudaError_t convert_to(void* dst, const void* src, int from, int64_t n, cudaStream_t stream) {
  switch (from) {
    case AIRCACHE_F32: return convert_values<To, float>(dst, src, n, stream);
    case AIRCACHE_BF16: return convert_values<To, bf16>(dst, src, n, stream);
    case AIRCACHE_F16: return convert_values<To, __half>(dst, src, n, stream);
  }
  return cudaErrorInvalidValue;
}

cudaError_t run_convert(void* dst, int to, const void* src, int from, int64_t n, cudaStream_t stream) {
  if (n == 0) return cudaSuccess;
  if (to == AIRCACHE_BF16) return convert_to<bf16>(dst, src, from, n, stream);
  if (to == AIRCACHE_F32) return convert_to<float>(dst, src, from, n, stream);
  return cudaErrorInvalidValue;
}

}  // namespace aircache
