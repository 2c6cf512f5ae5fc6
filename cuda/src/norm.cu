#include "norm.h"

#include "../kernels/norm.cuh"

namespace aircache {

// norm_threads gives each thread one access of a row where a block can be that large.
static dim3 norm_threads(int cols, int at_once) {
  const int threads = (cols / at_once + kWarp - 1) / kWarp * kWarp;
  return dim3(threads < kWarp ? kWarp : threads > 512 ? 512 : threads);
}

cudaError_t run_rms_norm(const Matrix& dst, const Matrix& x, const Matrix& weight, float eps, cudaStream_t stream, const Ahead& ahead) {
  if (x.rows == 0) return cudaSuccess;
  return by_type([&](auto* null) {
    using T = std::remove_pointer_t<decltype(null)>;
    const NormParams<T> p{values<T>(dst), values<T>(x), values<T>(weight), nullptr, x.rows, x.cols, eps, ahead};
    const dim3 grid(x.rows + (ahead.lines > 0 ? kFetchingBlocks : 0));
    if (wide(x.cols, dst.data, x.data, weight.data)) return launch(rms_norm<8, T>, overlapping(grid, norm_threads(x.cols, 8), stream), p);
    return launch(rms_norm<1, T>, overlapping(grid, norm_threads(x.cols, 1), stream), p);
  }, dst, x, weight);
}

cudaError_t run_layer_norm(const Matrix& dst, const Matrix& x, const Matrix& weight, const Matrix& bias, float eps, cudaStream_t stream) {
  if (x.rows == 0) return cudaSuccess;
  return by_type([&](auto* null) {
    using T = std::remove_pointer_t<decltype(null)>;
    const NormParams<T> p{values<T>(dst), values<T>(x), values<T>(weight), values<T>(bias), x.rows, x.cols, eps, Ahead()};
    if (wide(x.cols, dst.data, x.data, weight.data, bias.data)) return launch(layer_norm<8, T>, dim3(x.rows), norm_threads(x.cols, 8), 0, stream, p);
    return launch(layer_norm<1, T>, dim3(x.rows), norm_threads(x.cols, 1), 0, stream, p);
  }, dst, x, weight, bias);
}

}  // namespace aircache
