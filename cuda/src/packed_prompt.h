#pragma once

#include "../kernels/pages.cuh"
#include "cudnn_attention.h"

namespace aircache {

// PackedPrompt is where a prompt's lengths and table go, and where its pages are found.
struct PackedPrompt {
  PackedLengths* lengths;
  int32_t* table;  // [entries]
  int entries;
  const int32_t* pages;  // [pages_for(keys)], or null: keys are not in pages
  bf16* pool;
  Heads heads;
};

cudaError_t run_pack_prompt(const PackedPrompt& p, const PackedLengths& lengths, cudaStream_t stream);

}  // namespace aircache
