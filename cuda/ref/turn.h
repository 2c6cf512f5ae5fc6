// turn: value i of each query and key head pairs with value i + dim/2.
#pragma once

#include <vector>

namespace aircache::ref {

inline void turn(std::vector<double>& qkv, const std::vector<float>& angles, int rows, int heads, int dim, int width) {
  const int half = dim / 2;
  for (int row = 0; row < rows; row++)
    for (int head = 0; head < heads; head++)
      for (int i = 0; i < half; i++) {
        double &low = qkv[row * width + head * dim + i], &high = qkv[row * width + head * dim + half + i];
        const double a = low, b = high, c = angles[row * dim + i], s = angles[row * dim + half + i];
        low = a * c - b * s;
        high = b * c + a * s;
      }
}

}  // namespace aircache::ref
