// Matrices on the device between values that stay NaN, so that what is written beside them shows.
#pragma once

#include "../src/matrix.h"
#include "check.h"

namespace aircache {

template <class T>
constexpr int type_of() { return sizeof(T) == 4 ? AIRCACHE_F32 : AIRCACHE_BF16; }
template <class T>
const char* name_of() { return sizeof(T) == 4 ? "f32" : "bf16"; }
// rounding_of is how far results may be off that were rounded once to the type: bfloat16's half step, or float32 sums.
template <class T>
constexpr double rounding_of() { return sizeof(T) == 4 ? 2e-6 : 1.0 / 256; }

template <class T>
std::vector<T> random_values(Random& random, size_t n, float scale = 1) {
  std::vector<T> v(n);
  for (T& x : v) {
    if constexpr (sizeof(T) == 4) x = random.normal(scale);
    else x = __float2bfloat16(random.normal(scale));
  }
  return v;
}

template <class T>
std::vector<double> doubles(const std::vector<T>& v) {
  std::vector<double> out(v.size());
  for (size_t i = 0; i < v.size(); i++) out[i] = value_of(v[i]);
  return out;
}

// Laid is a matrix; skew 0 begins where 16 bytes can be moved at once, 1 does not.
template <class T>
struct Laid {
  static constexpr int kAround = 8;
  int rows, cols, skew;
  Buffer<T> memory;

  Laid(int rows, int cols, int skew = 0) : rows(rows), cols(cols), skew(skew), memory(size_t(rows) * cols + 2 * kAround + skew) {}
  Laid(int rows, int cols, const std::vector<T>& values, int skew = 0) : Laid(rows, cols, skew) {
    std::vector<T> all = memory.read();
    std::copy(values.begin(), values.end(), all.begin() + kAround + skew);
    memory.write(all);
  }
  Matrix matrix() const { return {memory.data + kAround + skew, rows, cols, type_of<T>(), 0}; }
  // read gives the matrix, and tells of values beside it that are no longer NaN.
  std::vector<T> read(Verdict& verdict, const std::string& name) const {
    const std::vector<T> all = memory.read();
    const size_t from = kAround + skew, to = from + size_t(rows) * cols;
    for (size_t i = 0; i < all.size(); i++)
      if ((i < from || i >= to) && !std::isnan(value_of(all[i]))) verdict.fail(name + ": value " + std::to_string(int64_t(i) - int64_t(from)) + " beside the result was written"), i = all.size();
    return std::vector<T>(all.begin() + from, all.begin() + to);
  }
};

// kWidths are those that no access of 8 values fits, and some that it does.
constexpr int kWidths[] = {1, 31, 33, 4097, 8, 64, 3584};

inline std::string named(const char* op, const char* type, int rows, int cols, int skew) {
  return std::string(op) + " " + type + " " + std::to_string(rows) + "x" + std::to_string(cols) + (skew ? " skewed" : "");
}

}  // namespace aircache
