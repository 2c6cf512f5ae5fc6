// append: rotate queries and keys (value i of a head pairs with i + dim/2), write keys and values behind the cached rows.
#pragma once

#include "cache.h"

namespace aircache::ref {

inline void append(std::vector<double>& qkv, const std::vector<float>& angles, Cache& cache, const Step& step, int layer) {
  const Heads h = cache.heads;
  const int half = h.dim / 2;
  for (size_t row = 0; row < step.row_sequence.size(); row++) {
    const int s = step.row_sequence[row];
    if (step.empty(layer, s)) continue;
    double* x = &qkv[row * h.width()];
    const float* angle = &angles[row * h.dim];
    for (int head = 0; head < h.query + h.kv; head++)
      for (int i = 0; i < half; i++) {
        double &low = x[head * h.dim + i], &high = x[head * h.dim + half + i];
        const double a = low, b = high;
        low = a * angle[i] - b * angle[half + i];
        high = b * angle[i] + a * angle[half + i];
      }
    const int at = step.cached[layer * step.sequences() + s] + int(row) - step.first_row[s];
    for (int head = 0; head < h.kv; head++)
      for (int i = 0; i < h.dim; i++)
        for (int value = 0; value < 2; value++)
          cache.at(step.page(layer, s, at), value, head, at % kPageTokens, i) = x[(h.query + value * h.kv + head) * h.dim + i];
  }
}

}  // namespace aircache::ref
