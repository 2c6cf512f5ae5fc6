// rms_norm: x / sqrt(mean x^2 + eps) * weight. layer_norm: (x - mean) / sqrt(variance + eps) * weight + bias; the variance is over n.
#pragma once

#include <cmath>
#include <vector>

namespace aircache::ref {

inline std::vector<double> rms_norm(const std::vector<double>& x, const std::vector<double>& weight, double eps) {
  const size_t cols = weight.size();
  std::vector<double> out(x.size());
  for (size_t from = 0; from < x.size(); from += cols) {
    double squares = 0;
    for (size_t c = 0; c < cols; c++) squares += x[from + c] * x[from + c];
    for (size_t c = 0; c < cols; c++) out[from + c] = x[from + c] / std::sqrt(squares / cols + eps) * weight[c];
  }
  return out;
}

inline std::vector<double> layer_norm(const std::vector<double>& x, const std::vector<double>& weight, const std::vector<double>& bias, double eps) {
  const size_t cols = weight.size();
  std::vector<double> out(x.size());
  for (size_t from = 0; from < x.size(); from += cols) {
    double mean = 0, variance = 0;
    for (size_t c = 0; c < cols; c++) mean += x[from + c] / cols;
    for (size_t c = 0; c < cols; c++) variance += (x[from + c] - mean) * (x[from + c] - mean) / cols;
    for (size_t c = 0; c < cols; c++) out[from + c] = (x[from + c] - mean) / std::sqrt(variance + eps) * weight[c] + bias[c];
  }
  return out;
}

}  // namespace aircache::ref
