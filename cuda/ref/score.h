// Scores of visual rows, formula by formula (see src/score.h for shapes). Rows of a prompt are its cache rows.
#pragma once

#include "attend.h"

namespace aircache::ref {

// Prompt is one prefilled sequence: queries of the observing rows, keys in the cache.
struct Prompt {
  Cache cache;
  std::vector<int> pages, table;           // as the device has them
  std::vector<std::vector<double>> query;  // [layers] of [rows, query * dim]
  std::vector<int> row;

  double score(int layer, int observed, int head, int cached) {
    const Heads h = cache.heads;
    const double* key = &cache.at(pages[table[layer] + cached / kPageTokens], false, head / h.group(), cached % kPageTokens, 0);
    return scaled_product(&query[layer][(size_t(observed) * h.query + head) * h.dim], key, h.dim);
  }
};

inline std::vector<double> relevance(Prompt& p, int layer) {
  const int rows = int(p.row.size()), heads = p.cache.heads.query;
  std::vector<double> mean(rows);
  for (int head = 0; head < heads; head++) {
    std::vector<double> x(rows);
    for (int j = 0; j < rows; j++) x[j] = p.score(layer, rows - 1, head, p.row[j]);
    softmax(x);
    for (int j = 0; j < rows; j++) mean[j] += x[j] / heads;
  }
  return mean;
}

// elite takes relevance as given, so that a device's rounding does not decide.
inline std::vector<int> elite(const std::vector<float>& relevance, double alpha, int least, int most) {
  std::vector<int> order(relevance.size());
  for (size_t j = 0; j < order.size(); j++) order[j] = int(j);
  std::sort(order.begin(), order.end(), [&](int a, int b) { return relevance[a] != relevance[b] ? relevance[a] > relevance[b] : a > b; });
  size_t size = 0;
  while (size < order.size() && relevance[order[size]] >= alpha * relevance[order[0]]) size++;
  size = std::min({std::max(size, size_t(least)), size_t(most), order.size()});
  order.resize(size);
  std::sort(order.begin(), order.end());
  return order;
}

// column_sums: sum over the window's rows of weight times the mean over heads of the softmax weight of each column. Keys of
// the softmax are keys (all, or with past those up to the row), and with_window the window's rows up to the asking one.
struct ColumnQuestion {
  std::vector<int> window;      // indices of observed rows
  std::vector<double> weight;   // of the window's rows
  std::vector<int> keys, ask;   // cache rows
  bool past, with_window;
};

inline std::vector<double> column_sums(Prompt& p, int layer, const ColumnQuestion& q) {
  const int heads = p.cache.heads.query;
  std::vector<double> sums(q.ask.size());
  for (size_t e = 0; e < q.window.size(); e++)
    for (int head = 0; head < heads; head++) {
      const int observed = q.window[e];
      std::vector<double> x;
      for (int key : q.keys)
        if (!q.past || key <= p.row[observed]) x.push_back(p.score(layer, observed, head, key));
      if (q.with_window)
        for (size_t j = 0; j <= e; j++) x.push_back(p.score(layer, observed, head, p.row[q.window[j]]));
      const double top = *std::max_element(x.begin(), x.end());
      double sum = 0;
      for (double v : x) sum += std::exp(v - top);
      for (size_t c = 0; c < q.ask.size(); c++)
        if (!q.past || q.ask[c] <= p.row[observed]) sums[c] += q.weight[e] / heads * std::exp(p.score(layer, observed, head, q.ask[c]) - top) / sum;
    }
  return sums;
}

// received: shares of 1 of the window's rows; sums are of all observed rows.
inline std::vector<double> received(const std::vector<double>& sums, const std::vector<int>& window) {
  std::vector<double> w;
  double all = 0;
  for (int j : window) {
    w.push_back(sums[j] / double(sums.size() - j));
    all += w.back();
  }
  for (double& x : w) x = all > 0 ? x / all : 1.0 / double(w.size());
  return w;
}

inline double length(Prompt& p, int layer, int row) {
  const Heads h = p.cache.heads;
  double sum = 0;
  for (int head = 0; head < h.kv; head++)
    for (int i = 0; i < h.dim; i++) {
      const double v = p.cache.at(p.pages[p.table[layer] + row / kPageTokens], true, head, row % kPageTokens, i);
      sum += v * v;
    }
  return std::sqrt(sum);
}

inline std::vector<double> scale_by_length(std::vector<double> scores, const std::vector<double>& lengths) {
  double mean = 0;
  for (double x : lengths) mean += x / double(lengths.size());
  for (size_t c = 0; c < scores.size() && mean > 0; c++) scores[c] *= lengths[c] / mean;
  return scores;
}

inline std::vector<double> share_with_neighbours(const std::vector<double>& scores, const std::vector<int>& rows, int reach) {
  std::vector<double> shared = scores;
  for (size_t v = 0; v < scores.size(); v++)
    for (size_t u = v + 1; u < scores.size() && rows[u] - rows[v] <= reach; u++) {
      const double part = 1 - double(rows[u] - rows[v]) / (reach + 1);
      shared[v] += part * scores[u];
      shared[u] += part * scores[v];
    }
  return shared;
}

}  // namespace aircache::ref
