#pragma once

#include "../kernels/pages.cuh"

namespace aircache {

constexpr int kMostGroup = 8;  // query heads of a KV head

// DecodeWork is the plan of a step and the room to put pieces together. Allocate once: [layers, blocks] starts, [layers] chunk,
// arrived [sequences * kv] zeroed once (it is left zeroed), partial [2 * blocks, decode_partial_floats(dim)].
struct DecodeWork {
  int4* start;  // sequence, head, page, pages to do
  int* chunk;
  int* arrived;
  float* partial;
  int blocks;
  int least_pages;  // a chunk has at least these, so that few pieces have to be put together
};

__host__ __device__ inline int decode_partial_floats(int dim) { return kWarp * (dim / 16 * 4 + 4); }

struct DecodeParams {
  bf16* dst;        // [sequences, query * dim]
  const bf16* qkv;  // [sequences, width], rotated
  const bf16* pool;
  Batch batch;
  DecodeWork work;
  int layer;
  Heads heads;
  float scale;  // set by the launcher
};


// decode_blocks is the grid of attend_decode on this device, for DecodeWork::blocks.
cudaError_t decode_blocks(int* blocks);

// plan_decode_step cuts the work of all layers; it goes before the first attend_decode of a step.
cudaError_t plan_decode_step(const Batch& batch, const DecodeWork& work, int kv_heads, cudaStream_t stream);

// run_attend_decode takes head dims 64 and 128 and up to 8 query heads a KV head. Sequences have one row each.
cudaError_t run_attend_decode(DecodeParams p, cudaStream_t stream);

}  // namespace aircache
