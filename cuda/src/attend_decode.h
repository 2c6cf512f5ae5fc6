#pragma once

#include "../kernels/pages.cuh"

namespace aircache {

constexpr int kMostGroup = 8;  // query heads of a KV head

// DecodeStart is where a block begins in the flat list of pages, and what it needs to begin at once.
struct alignas(16) DecodeStart {
  int sequence, head, page, count;  // count pages to do
  int rows, table;                  // of the sequence
  int chunk, reserved;              // pages of every block but the last
};

// DecodeWork is the plan of a step and the room to put pieces together. Allocate once: [layers, blocks] starts, arrived
// [sequences * kv] zeroed once (it is left zeroed), partial [2 * blocks, decode_partial_floats(dim)].
struct DecodeWork {
  DecodeStart* start;
  int* arrived;
  float* partial;
  int blocks;
  int least_pages;  // a chunk has at least these, so that few pieces have to be put together: 8 is good on an H100
};

constexpr int kMostPieces = 32;  // of a (sequence, head)

__host__ __device__ inline int decode_partial_floats(int dim) { return kWarp * (dim / 16 * 4 + 4); }

struct DecodeParams {
  bf16* dst;        // [sequences, query * dim]
  const bf16* qkv;  // [sequences, width], rotated
  const bf16* pool;
  Batch batch;
  DecodeWork work;
  int layer;
  Heads heads;
  bool after_append;  // the kernel before it in the stream is append: start while that ends. Needs capability 9.0
  float scale;        // set by the launcher
};


// decode_blocks is the grid of attend_decode on this device, for DecodeWork::blocks.
cudaError_t decode_blocks(int* blocks);

// plan_decode_step cuts the work of all layers; it goes before the first attend_decode of a step.
cudaError_t plan_decode_step(const Batch& batch, const DecodeWork& work, int kv_heads, cudaStream_t stream);

// run_attend_decode takes head dims 64 and 128 and up to 8 query heads a KV head. Sequences have one row each.
cudaError_t run_attend_decode(DecodeParams p, cudaStream_t stream);

}  // namespace aircache
