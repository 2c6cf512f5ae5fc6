// The paged cache: one pool of pages; a page is 16 tokens of one layer, [K, V][KV heads][16][head dim] bf16.
#pragma once

#include "platform.cuh"

namespace aircache {

constexpr int kPageTokens = 16;
constexpr int kNoPages = -1;  // in Batch::table: a sequence that only fills a bucket

struct Heads {
  int query, kv, dim;
  __host__ __device__ int width() const { return (query + 2 * kv) * dim; }  // columns of a fused qkv row
  __host__ __device__ int group() const { return query / kv; }
};

// Batch is a staged step in device memory. Rows of a sequence follow each other; a decode step has one row a sequence.
struct Batch {
  int rows, sequences, layers;
  const int* first_row;     // [sequences + 1]
  const int* row_sequence;  // [rows]
  const int* cached;        // [layers, sequences] rows in the cache before this step
  const int* table;         // [layers, sequences] where the sequence's page numbers start in pages, or kNoPages
  const int* pages;         // page numbers, one list a (layer, sequence)
};

__host__ __device__ inline int pages_for(int rows) { return (rows + kPageTokens - 1) / kPageTokens; }

// page_rows is where the 16 key (or value) rows of a head begin.
__device__ __forceinline__ const bf16* page_rows(const bf16* pool, int page, int kv_heads, int head, int dim, bool values) {
  return pool + ((int64_t(page) * 2 + values) * kv_heads + head) * (kPageTokens * dim);
}

__device__ __forceinline__ bf16* page_rows(bf16* pool, int page, int kv_heads, int head, int dim, bool values) {
  return pool + ((int64_t(page) * 2 + values) * kv_heads + head) * (kPageTokens * dim);
}

}  // namespace aircache
