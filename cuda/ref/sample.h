// Sampling as runtime/sampling has it, with the draw given: temperature, top_k, top_p of what top_k left, one cut.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace aircache::ref {

struct Draw { double point, temperature, top_p; int top_k; };

inline double log_sum(const std::vector<float>& logits) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float x : logits) sum += std::exp(x - top);
  return top + std::log(sum);
}

inline std::vector<int> ranking(const std::vector<float>& logits) {
  std::vector<int> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return logits[a] > logits[b]; });
  return order;
}

inline int choose(const std::vector<float>& logits, const Draw& d) {
  std::vector<int> order = ranking(logits);
  if (d.temperature == 0) return order[0];
  const double top = logits[order[0]];
  auto mass = [&](int token) { return std::exp((logits[token] - top) / d.temperature); };
  const bool by_rank = d.top_k > 0 && d.top_k < int(logits.size()), by_share = d.top_p > 0 && d.top_p < 1;
  if (!by_rank && !by_share) std::iota(order.begin(), order.end(), 0);
  if (by_rank) order.resize(d.top_k);
  double total = 0, kept = 0;
  for (int token : order) total += mass(token);
  size_t size = 0;
  while (size < order.size() && (!by_share || kept < d.top_p * total)) kept += mass(order[size++]);
  double point = d.point * kept;
  int last = order[0];
  for (size_t i = 0; i < size; i++) {
    if (mass(order[i]) == 0) continue;
    last = order[i];
    point -= mass(last);
    if (point < 0) break;
  }
  return last;
}

}  // namespace aircache::ref
