#pragma once

#include "../kernels/pages.cuh"

namespace aircache {

// PrefillParams: rows of a prompt see the cached rows of their sequence and the new ones up to themselves, all of them in pages.
struct PrefillParams {
  bf16* dst;        // [rows, query * dim]
  const bf16* qkv;  // [rows, width], rotated
  const bf16* pool;
  Batch batch;
  int layer;
  Heads heads;
  int most_rows;   // of a sequence in this step
  float* log_sum;  // [rows, query] natural logarithm of the sum of each row's exponentials, for scores; or null
  float scale;     // set by the launcher
};

// MixParams: every row sees all rows of its own sequence; keys and values lie in qkv. Sequences are equally long.
struct MixParams {
  bf16* dst;        // [sequences * rows, query * dim]
  const bf16* qkv;  // [sequences * rows, width]
  int sequences, rows;
  Heads heads;
  float scale;  // set by the launcher
};

// run_attend_prefill takes head dims 64 and 128, run_mix 64, 72 and 128; any number of query heads a KV head.
cudaError_t run_attend_prefill(PrefillParams p, cudaStream_t stream);
cudaError_t run_mix(MixParams p, cudaStream_t stream);

}  // namespace aircache
