// Random staged steps, on the host for the reference and on the device for the kernels.
#pragma once

#include <memory>

#include "../ref/cache.h"
#include "check.h"

namespace aircache {

template <class T>
std::vector<double> widen(const std::vector<T>& v) {
  std::vector<double> out(v.size());
  for (size_t i = 0; i < v.size(); i++) out[i] = value_of(v[i]);
  return out;
}

// Shape of a step: per layer and sequence the cached rows (or kNoPages), per sequence the new ones.
struct StepShape {
  Heads heads;
  int layers;
  std::vector<int> rows;
  std::vector<std::vector<int>> cached;  // [layers][sequences]
};

struct TestStep {
  ref::Step host;
  int pool_pages = 0;
  std::unique_ptr<Buffer<int>> first_row, row_sequence, cached, table, pages;

  // Pages are dealt out in random order, as a pool that has been in use for long would.
  TestStep(const StepShape& shape, Random& random) {
    host.layers = shape.layers;
    host.first_row = {0};
    for (size_t s = 0; s < shape.rows.size(); s++) {
      host.first_row.push_back(host.first_row.back() + shape.rows[s]);
      host.row_sequence.insert(host.row_sequence.end(), shape.rows[s], int(s));
    }
    int needed = 0;
    for (int l = 0; l < shape.layers; l++)
      for (size_t s = 0; s < shape.rows.size(); s++) {
        const int cached_rows = shape.cached[l][s];
        host.cached.push_back(std::max(cached_rows, 0));
        host.table.push_back(cached_rows == kNoPages ? kNoPages : needed);
        if (cached_rows != kNoPages) needed += pages_for(cached_rows + shape.rows[s]);
      }
    pool_pages = needed + 3;
    host.pages = random.permutation(pool_pages);
    host.pages.resize(std::max(needed, 1));
    first_row.reset(new Buffer<int>(host.first_row));
    row_sequence.reset(new Buffer<int>(host.row_sequence));
    cached.reset(new Buffer<int>(host.cached));
    table.reset(new Buffer<int>(host.table));
    pages.reset(new Buffer<int>(host.pages));
  }

  Batch device() const {
    return {int(host.row_sequence.size()), host.sequences(), host.layers, first_row->data, row_sequence->data, cached->data, table->data, pages->data};
  }
};

// cached_values are random rows where the step has cached rows, and NaN everywhere else.
inline std::vector<bf16> cached_values(const StepShape& shape, const TestStep& step, Random& random, int rows_beyond = 0) {
  const Heads h = shape.heads;
  std::vector<bf16> pool(size_t(step.pool_pages) * 2 * h.kv * kPageTokens * h.dim, __float2bfloat16(NAN));
  for (int l = 0; l < shape.layers; l++)
    for (int s = 0; s < step.host.sequences(); s++) {
      if (step.host.empty(l, s)) continue;
      const int rows = shape.cached[l][s] + rows_beyond * shape.rows[s];
      for (int row = 0; row < rows; row++)
        for (int part = 0; part < 2 * h.kv; part++)
          for (int i = 0; i < h.dim; i++)
            pool[((size_t(step.host.page(l, s, row)) * 2 * h.kv + part) * kPageTokens + row % kPageTokens) * h.dim + i] = __float2bfloat16(random.normal());
    }
  return pool;
}

}  // namespace aircache
