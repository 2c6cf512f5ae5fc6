// linear: dst = x w^T + bias, or dst += that. x [m, k], w [n, k].
#pragma once

#include <vector>

namespace aircache::ref {

// bias may be empty.
inline void linear(std::vector<double>& dst, const std::vector<double>& x, const std::vector<double>& w, const std::vector<double>& bias, size_t m, size_t n, size_t k, bool add) {
  for (size_t row = 0; row < m; row++)
    for (size_t col = 0; col < n; col++) {
      double sum = bias.empty() ? 0 : bias[col];
      for (size_t i = 0; i < k; i++) sum += x[row * k + i] * w[col * k + i];
      dst[row * n + col] = add ? dst[row * n + col] + sum : sum;
    }
}

}  // namespace aircache::ref
