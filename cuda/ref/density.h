// density: the share of the rows up to an observed one whose softmax weight is at least bar times the highest, for each query head.
#pragma once

#include "attend.h"

namespace aircache::ref {

// Density of one observed row and head. narrow is how many rows lie so close to the bar that rounding decides.
struct Density { double share, narrow; };

// density: query is the head's row of dim values, the cache's rows 0 to last of one sequence lie in its pages.
inline Density density(const double* query, Cache& cache, const std::vector<int>& pages, int last, int head, double bar, double rounding) {
  const Heads h = cache.heads;
  std::vector<double> scores(last + 1);
  for (int j = 0; j <= last; j++) scores[j] = scaled_product(query, &cache.at(pages[j / kPageTokens], false, head / h.group(), j % kPageTokens, 0), h.dim);
  const double least = *std::max_element(scores.begin(), scores.end()) + std::log(bar);
  int reached = 0, close = 0;
  for (double s : scores) reached += s >= least, close += std::fabs(s - least) < rounding;
  return {double(reached) / scores.size(), double(close) / scores.size()};
}

}  // namespace aircache::ref
