// What works on values by themselves. gelu is x times the normal distribution's share below x; its tanh form is Hendrycks and Gimpel's
// approximation (arXiv:1606.08415), with 0.044715, and quick_gelu their x * sigmoid(1.702 x).
#pragma once

#include <cmath>
#include <vector>

namespace aircache::ref {

// add_repeated: x goes on from its start where it ends.
inline void add_repeated(std::vector<double>& dst, const std::vector<double>& x) {
  for (size_t i = 0; i < dst.size(); i++) dst[i] += x[i % x.size()];
}

inline double gelu(double x) { return x * std::erfc(-x / std::sqrt(2.0)) / 2; }
inline double gelu_tanh(double x) { return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }
inline double quick_gelu(double x) { return x / (1 + std::exp(-1.702 * x)); }
inline double silu(double x) { return x / (1 + std::exp(-x)); }

// gated_silu: the row's left half is the gate.
inline std::vector<double> gated_silu(const std::vector<double>& x, size_t rows, size_t cols) {
  std::vector<double> out(rows * cols);
  for (size_t i = 0; i < out.size(); i++) {
    const double* gate = &x[i / cols * 2 * cols + i % cols];
    out[i] = silu(gate[0]) * gate[cols];
  }
  return out;
}

}  // namespace aircache::ref
