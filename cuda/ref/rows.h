// Rows by number, and the angles of positions.
#pragma once

#include <cmath>
#include <vector>

namespace aircache::ref {

// blend: row i of the result is the sum over taps of share * row of src.
inline std::vector<double> blend(const std::vector<double>& src, const std::vector<int>& rows, const std::vector<float>& shares, int taps, int cols) {
  std::vector<double> out(rows.size() / taps * cols);
  for (size_t i = 0; i < rows.size(); i++)
    for (int c = 0; c < cols; c++) out[i / taps * cols + c] += double(shares[i]) * src[size_t(rows[i]) * cols + c];
  return out;
}

// angles: [positions, 2 * half], cosines first. The product is a float32, as in transformers; what follows is exact.
inline std::vector<double> angles(const std::vector<float>& inverse, const std::vector<int>& position) {
  const size_t half = inverse.size();
  std::vector<double> out(position.size() * 2 * half);
  for (size_t row = 0; row < position.size(); row++)
    for (size_t i = 0; i < half; i++) {
      const float angle = float(position[row]) * inverse[i];
      out[row * 2 * half + i] = std::cos(double(angle));
      out[row * 2 * half + half + i] = std::sin(double(angle));
    }
  return out;
}

}  // namespace aircache::ref
