// Who does what in a decode step: the flat list of all pages of (sequence, head), cut evenly among the blocks of attend_decode, for all
// layers in one launch at the head of the step. Some 5 us, whatever the lengths.
#pragma once

#include "../src/attend_decode.h"
#include "reduce.cuh"

namespace aircache {

// plan_decode: one block a layer. Chunk c is pages c*chunk.. of the flat list [sequence][head][page].
__global__ void plan_decode(Batch batch, DecodeWork work, int kv_heads) {
  const int layer = blockIdx.x;
  __shared__ int scratch[32];
  int* below = reinterpret_cast<int*>(dynamic_shared_memory());  // [sequences + 1] pages of all lower sequences
  const int *table = batch.table + layer * batch.sequences, *cached = batch.cached + layer * batch.sequences;
  int total = 0, longest = 0;
  for (int first = 0; first < batch.sequences; first += blockDim.x) {
    const int s = first + threadIdx.x, pages = s < batch.sequences && table[s] != kNoPages ? pages_for(cached[s] + 1) : 0;
    int sum;
    const int before = block_prefix(pages, scratch, sum);
    if (s < batch.sequences) below[s] = total + before;
    total += sum;
    longest = max(longest, pages);
  }
  longest = block_max(longest, scratch);
  if (threadIdx.x == 0) below[batch.sequences] = total;
  __syncthreads();

  const int all = total * kv_heads;
  const int chunk = max(work.least_pages, max((all + work.blocks - 1) / work.blocks, (longest + kMostPieces - 2) / (kMostPieces - 1)));
  for (int c = threadIdx.x; c < work.blocks; c += blockDim.x) {
    DecodeStart start = {0, 0, 0, 0, 0, 0, chunk, 0};
    const int64_t from = int64_t(c) * chunk;
    if (from < all) {
      int low = 0, high = batch.sequences;  // the last sequence with below <= from/kv: it has pages
      while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (below[middle] <= from / kv_heads) low = middle; else high = middle;
      }
      const int pages = below[low + 1] - below[low], within = int(from) - below[low] * kv_heads;
      start = {low, within / pages, within % pages, min(chunk, all - int(from)), cached[low] + 1, table[low], chunk, 0};
    }
    work.start[layer * work.blocks + c] = start;
  }
}

// DecodeWalk goes along the flat list of pages.
struct DecodeWalk {
  int sequence, head, page;
  int rows, pages, table;  // of the sequence

  __device__ explicit DecodeWalk(const DecodeStart& start)
      : sequence(start.sequence), head(start.head), page(start.page), rows(start.rows), pages(pages_for(start.rows)), table(start.table) {}

  __device__ void next_head(const DecodeParams& p) {
    if (++head < p.heads.kv) return;
    head = 0;
    do {
      sequence++;
      const int entry = p.layer * p.batch.sequences + sequence, cached = p.batch.cached[entry];
      table = p.batch.table[entry];
      rows = table == kNoPages ? 0 : cached + 1;
      pages = pages_for(rows);
    } while (pages == 0);
  }
  __device__ void advance(const DecodeParams& p, int by) {
    page += by;
    while (page >= pages) {
      page -= pages;
      next_head(p);
    }
  }
};

}  // namespace aircache
