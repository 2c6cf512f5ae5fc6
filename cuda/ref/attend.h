// Attention over pages: row r of a sequence sees the cached rows and the new ones up to itself.
#pragma once

#include <algorithm>
#include <cmath>

#include "cache.h"

namespace aircache::ref {

// softmax of scores, in place.
inline void softmax(std::vector<double>& x) {
  const double top = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (double& v : x) sum += v = std::exp(v - top);
  for (double& v : x) v /= sum;
}

inline double scaled_product(const double* a, const double* b, int dim) {
  double sum = 0;
  for (int i = 0; i < dim; i++) sum += a[i] * b[i];
  return sum / std::sqrt(double(dim));
}

// attend: dst [rows, query * dim]; rows of sequences without pages are zeros. log_sum [rows, query] is filled where it is given.
inline std::vector<double> attend(const std::vector<double>& qkv, Cache& cache, const Step& step, int layer, std::vector<double>* log_sum = nullptr) {
  const Heads h = cache.heads;
  std::vector<double> dst(step.row_sequence.size() * h.query * h.dim);
  for (size_t row = 0; row < step.row_sequence.size(); row++) {
    const int s = step.row_sequence[row];
    if (step.empty(layer, s)) continue;
    const int seen = step.cached[layer * step.sequences() + s] + int(row) - step.first_row[s] + 1;
    for (int head = 0; head < h.query; head++) {
      const int kv = head / h.group();
      std::vector<double> weights(seen);
      for (int j = 0; j < seen; j++) weights[j] = scaled_product(&qkv[row * h.width() + head * h.dim], &cache.at(step.page(layer, s, j), false, kv, j % kPageTokens, 0), h.dim);
      if (log_sum) {
        double sum = 0;
        for (double x : weights) sum += std::exp(x);
        (*log_sum)[row * h.query + head] = std::log(sum);
      }
      softmax(weights);
      double* out = &dst[(row * h.query + head) * h.dim];
      for (int j = 0; j < seen; j++) {
        const double* v = &cache.at(step.page(layer, s, j), true, kv, j % kPageTokens, 0);
        for (int i = 0; i < h.dim; i++) out[i] += weights[j] * v[i];
      }
    }
  }
  return dst;
}

// mix: every row sees all rows of its sequence; keys and values lie in qkv.
inline std::vector<double> mix(const std::vector<double>& qkv, int sequences, int rows, Heads h) {
  std::vector<double> dst(size_t(sequences) * rows * h.query * h.dim);
  for (int s = 0; s < sequences; s++)
    for (int row = 0; row < rows; row++)
      for (int head = 0; head < h.query; head++) {
        auto part = [&](int r, int at) { return &qkv[(size_t(s) * rows + r) * h.width() + at * h.dim]; };
        std::vector<double> weights(rows);
        for (int j = 0; j < rows; j++) weights[j] = scaled_product(part(row, head), part(j, h.query + head / h.group()), h.dim);
        softmax(weights);
        double* out = &dst[((size_t(s) * rows + row) * h.query + head) * h.dim];
        for (int j = 0; j < rows; j++)
          for (int i = 0; i < h.dim; i++) out[i] += weights[j] * part(j, h.query + h.kv + head / h.group())[i];
      }
  return dst;
}

}  // namespace aircache::ref
