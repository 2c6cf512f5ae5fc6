// Moments, budgets, the largest scores, and compaction, as runtime/compress has them.
#pragma once

#include <numeric>

#include "cache.h"
#include <algorithm>
#include <cmath>

namespace aircache::ref {

struct Moments { double strength, skewness; };

// moments of the scores that are not padding (-1).
inline Moments moments(const std::vector<float>& scores) {
  std::vector<double> x;
  for (float v : scores)
    if (v != -1) x.push_back(v);
  const double n = double(x.size());
  double strength = 0, mean = 0, square = 0, cube = 0;
  for (double v : x) strength += v, mean += (v - x[0]) / n;
  if (n < 3) return {strength, 0};
  for (double v : x) {
    const double d = v - x[0] - mean;
    square += d * d, cube += d * d * d;
  }
  const double sd = std::sqrt(square / (n - 1));
  return {strength, sd == 0 ? 0 : std::max(0.0, n / ((n - 1) * (n - 2)) * cube / (sd * sd * sd))};
}

inline std::vector<double> ratios(const std::vector<double>& values) {
  const double largest = *std::max_element(values.begin(), values.end());
  if (largest <= 0) return std::vector<double>(values.size(), 1);
  std::vector<double> out;
  for (double v : values) out.push_back(v / largest);
  std::vector<double> sorted = out;
  std::sort(sorted.begin(), sorted.end());
  double mean = 0;
  for (double v : sorted) mean += v / double(values.size());
  for (double& v : out) v /= mean;
  return out;
}

// weights: strength and skewness count half each, or one of them all.
inline std::vector<double> weights(const std::vector<Moments>& layers, double by_strength, double by_skewness) {
  std::vector<double> s, g, w;
  for (const Moments& m : layers) s.push_back(m.strength), g.push_back(m.skewness);
  s = ratios(s), g = ratios(g);
  for (size_t l = 0; l < layers.size(); l++) w.push_back(std::max(1e-6, by_strength == 0 && by_skewness == 0 ? 1.0 : by_strength * s[l] + by_skewness * g[l]));
  return w;
}

struct Quota {
  int64_t visual, layers, permille;
  int64_t least() const { return std::max<int64_t>(1, std::min((visual + 99) / 100, permille * visual / 1000)); }
  int64_t total() const { return std::min(std::max((permille * visual * layers + 500) / 1000, least() * layers), visual * layers); }
};

// budgets fills a bucket of water: shares are found exactly, by trying which layers are clipped, and not by bisection.
inline std::vector<int> budgets(const std::vector<double>& w, const Quota& q) {
  const double least = double(q.least()), most = double(q.visual);
  double low = 0, high = most / *std::min_element(w.begin(), w.end());
  auto sum = [&](double lambda) {
    double s = 0;
    for (double x : w) s += std::min(std::max(lambda * x, least), most);
    return s;
  };
  for (int i = 0; i < 3000 && low < high; i++) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    (sum(middle) < double(q.total()) ? low : high) = middle;
  }
  std::vector<int> k, order(w.size());
  std::vector<double> rest;
  int64_t left = q.total();
  for (double x : w) {
    const double share = std::min(std::max(high * x, least), most);
    k.push_back(int(std::min(std::max(std::floor(share + 1e-6), least), most)));
    rest.push_back(std::round((share - k.back()) / 1e-6));
    left -= k.back();
  }
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return rest[a] > rest[b]; });
  for (; left > 0;)
    for (int l : order)
      if (left > 0 && k[l] < q.visual) k[l]++, left--;
  for (; left < 0;)
    for (size_t i = order.size(); i-- > 0;)
      if (left < 0 && k[order[i]] > q.least()) k[order[i]]--, left++;
  return k;
}

// best_first orders positions by score; of equal ones the lower first; padding is -1 and so comes last.
inline std::vector<int> best_first(const std::vector<float>& scores) {
  std::vector<int> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return scores[a] > scores[b]; });
  return order;
}

}  // namespace aircache::ref
