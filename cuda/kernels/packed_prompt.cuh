// packed_prompt: what a packed plan of cuDNN's reads of a prompt besides its values: lengths, and pages that it may read past the last key.
//
// The plan loads keys by whole tiles, so it looks into the table behind the prompt's pages, and into the last page behind its rows. What it
// finds there counts for nothing, but must be there, and 0 times a value must be 0: entries behind the last name that page again, and
// its rows behind the last key are cleared.
#pragma once

#include "../src/packed_prompt.h"

namespace aircache {

constexpr int kPackedThreads = 256;

__global__ void __launch_bounds__(kPackedThreads) pack_prompt(PackedPrompt p, PackedLengths lengths) {
  const int i = blockIdx.x * kPackedThreads + threadIdx.x, keys = lengths.keys[0];
  if (i == 0) *p.lengths = lengths;
  if (!p.pages) return;
  const int last = pages_for(keys) - 1, row = kPageTokens * p.heads.dim, used = (keys - last * kPageTokens) * p.heads.dim;
  for (int n = i; n < p.entries; n += gridDim.x * kPackedThreads) p.table[n] = p.pages[n < last ? n : last];
  bf16* page = p.pool + int64_t(p.pages[last]) * 2 * p.heads.kv * row;
  for (int n = i; n < 2 * p.heads.kv * row; n += gridDim.x * kPackedThreads)
    if (n % row >= used) page[n] = __float2bfloat16(0);
}

}  // namespace aircache
