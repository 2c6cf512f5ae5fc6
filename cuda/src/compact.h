#pragma once

#include "../kernels/pages.cuh"

namespace aircache {

// CompactParams copies what a prompt keeps, all text and some visual rows, in the prompt's order into fresh pages. Keys stay as
// they are. The prompt's cache rows are its text rows and its visual rows.
struct CompactParams {
  bf16* pool;
  const int* pages;       // of the prompt
  const int* table;       // [layers] where the layer's page numbers start in pages
  const int* fresh;       // page numbers to fill; none of them is the prompt's
  const int* to;          // [layers] where the layer's start in fresh
  const int* visual_row;  // [visual] ascending
  const int* text_row;    // [text] ascending
  const int* kept;        // [layers, visual] ascending positions among the visual rows
  const int* budget;      // [layers] how many of them
  int layers, visual, text;
  Heads heads;
};

cudaError_t run_compact(const CompactParams& p, cudaStream_t stream);

}  // namespace aircache
