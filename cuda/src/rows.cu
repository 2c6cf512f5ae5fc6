#include "rows.h"

#include "../kernels/rows.cuh"

namespace aircache {

static dim3 threads_for(int units) {
  const int threads = (units + kWarp - 1) / kWarp * kWarp;
  return dim3(threads > 256 ? 256 : threads);
}

// by_unit calls f with a null pointer of the widest unit in which all these bytes and addresses are whole.
template <class F, class... Pointers>
static cudaError_t by_unit(F f, size_t bytes, Pointers... at) {
  const auto whole = [&](size_t n) { return bytes % n == 0 && (... && (reinterpret_cast<uintptr_t>(at) % n == 0)); };
  if (whole(16)) return f(static_cast<uint4*>(nullptr));
  if (whole(4)) return f(static_cast<uint32_t*>(nullptr));
  return f(static_cast<uint16_t*>(nullptr));
}

static cudaError_t move(const Matrix& dst, const Matrix& src, int rows, int cols, const int* from, const int* to, cudaStream_t stream) {
  if (rows == 0) return cudaSuccess;
  if (dst.type != src.type) return cudaErrorInvalidValue;
  const size_t size = value_bytes(dst.type);
  // Whole in all three widths at once: any that is not shortens the unit.
  const size_t widths = cols * size | dst.cols * size | src.cols * size;
  return by_unit([&](auto* null) {
    using Unit = std::remove_pointer_t<decltype(null)>;
    const int units = int(cols * size / sizeof(Unit));
    return launch(move_rows<Unit>, dim3(rows), threads_for(units), 0, stream, static_cast<Unit*>(dst.data), static_cast<const Unit*>(src.data), from, to,
                  units, int(dst.cols * size / sizeof(Unit)), int(src.cols * size / sizeof(Unit)));
  }, widths, dst.data, src.data);
}

cudaError_t run_gather(const Matrix& dst, const Matrix& src, const int* rows, cudaStream_t stream) {
  return move(dst, src, dst.rows, dst.cols, rows, nullptr, stream);
}

cudaError_t run_scatter(const Matrix& dst, const Matrix& src, const int* rows, cudaStream_t stream) {
  return move(dst, src, src.rows, src.cols, nullptr, rows, stream);
}

cudaError_t run_blend(const Matrix& dst, const Matrix& src, const int* rows, const float* shares, int taps, cudaStream_t stream) {
  if (dst.rows == 0) return cudaSuccess;
  if (dst.cols != src.cols) return cudaErrorInvalidValue;
  return by_type([&](auto* null) {
    using T = std::remove_pointer_t<decltype(null)>;
    if (wide(dst.cols, dst.data, src.data)) {
      return launch(blend<8, T>, dim3(dst.rows), threads_for(dst.cols / 8), 0, stream, values<T>(dst), values<const T>(src), rows, shares, taps, dst.cols);
    }
    return launch(blend<1, T>, dim3(dst.rows), threads_for(dst.cols), 0, stream, values<T>(dst), values<const T>(src), rows, shares, taps, dst.cols);
  }, dst, src);
}

cudaError_t run_embed(const Matrix& dst, const Matrix& table, const int* token, const int* last, cudaStream_t stream) {
  if (dst.rows == 0) return cudaSuccess;
  if (dst.type != table.type) return cudaErrorInvalidValue;
  const size_t bytes = table.cols * value_bytes(table.type);
  return by_unit([&](auto* null) {
    using Unit = std::remove_pointer_t<decltype(null)>;
    const int units = int(bytes / sizeof(Unit));
    return launch(embed<Unit>, overlapping(dim3(dst.rows), threads_for(units), stream), static_cast<Unit*>(dst.data), static_cast<const Unit*>(table.data), token, last, units);
  }, bytes, dst.data, table.data);
}

cudaError_t run_angles(const Matrix& dst, const Matrix& inverse, const int* position, cudaStream_t stream) {
  if (dst.rows == 0) return cudaSuccess;
  if (dst.type != AIRCACHE_F32 || inverse.type != AIRCACHE_F32) return cudaErrorInvalidValue;
  return launch(angles, overlapping(dim3(dst.rows), threads_for(inverse.cols), stream), values<float>(dst), values<const float>(inverse), position, inverse.cols);
}

}  // namespace aircache
