// Rows of a cache by number: into and out of one piece of memory, [K, V][KV heads][count][dim]. Each head may have a list of its own.
#pragma once

#include "pages.cuh"
#include "values.cuh"

namespace aircache {

struct PageRowsParams {
  bf16* pool;
  const int* pages;  // of the sequence
  const int* row;    // [lists, count] cache rows; null: rows 0, 1, ...
  bf16* packed;
  int lists, count;
  Heads heads;
  bool into_pages;
};

// move_page_rows: a block is a row of one head, K or V; grid (count, kv, 2).
__global__ void move_page_rows(PageRowsParams p) {
  const int i = blockIdx.x, head = blockIdx.y, values = blockIdx.z, dim = p.heads.dim;
  const int row = p.row ? p.row[(p.lists > 1 ? head * p.count : 0) + i] : i;
  bf16* cached = page_rows(p.pool, p.pages[row / kPageTokens], p.heads.kv, head, dim, values != 0) + row % kPageTokens * dim;
  bf16* packed = p.packed + ((int64_t(values) * p.heads.kv + head) * p.count + i) * dim;
  for (int c = threadIdx.x * 8; c < dim; c += blockDim.x * 8) {
    if (p.into_pages) store_packed(cached + c, load_packed(packed + c));
    else store_packed(packed + c, load_packed(cached + c));
  }
}

// spread_rows: [KV heads][count][dim] bf16 to [count, KV heads * dim] float32, as a host reads them.
__global__ void spread_rows(float* dst, const bf16* packed, int count, int kv, int dim) {
  const int i = blockIdx.x;
  for (int c = threadIdx.x; c < kv * dim; c += blockDim.x) dst[int64_t(i) * kv * dim + c] = __bfloat162float(packed[(int64_t(c / dim) * count + i) * dim + c % dim]);
}

}  // namespace aircache
