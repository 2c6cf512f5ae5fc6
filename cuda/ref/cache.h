// The paged cache and a staged step on the host, for the references.
#pragma once

#include <vector>

#include "../kernels/pages.cuh"

namespace aircache::ref {

// Cache is a pool of pages in double precision, in the layout of the device.
struct Cache {
  Heads heads;
  std::vector<double> values;

  double& at(int page, bool value, int head, int slot, int i) {
    return values[(((size_t(page) * 2 + value) * heads.kv + head) * kPageTokens + slot) * heads.dim + i];
  }
};

// Step is what Batch points at.
struct Step {
  int layers = 0;
  std::vector<int> first_row, row_sequence, cached, table, pages;

  int sequences() const { return int(first_row.size()) - 1; }
  int rows(int s) const { return first_row[s + 1] - first_row[s]; }
  int page(int layer, int s, int row) const { return pages[table[layer * sequences() + s] + row / kPageTokens]; }
  bool empty(int layer, int s) const { return table[layer * sequences() + s] == kNoPages; }
};

}  // namespace aircache::ref
