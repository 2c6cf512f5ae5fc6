#pragma once

#include "../kernels/pages.cuh"

namespace aircache {

constexpr int kMostVisual = 49152;  // of a prompt: they are sorted in shared memory

// TopParams: the budget[q, l] rows of each layer that come first in order; of equal ones the lower position, padding (-1) last.
struct TopParams {
  const float* order;  // [layers, visual]
  const float* score;  // [layers, visual] of which mass tells; may be order
  const int* budget;   // [quotas, layers]
  int* kept;           // [layers, visual] of the first quota: ascending positions, budget[0, l] of them
  double2* mass;       // [quotas, layers] what the kept scores add up to, and what all do
  int layers, visual, quotas;
};

cudaError_t run_top(const TopParams& p, cudaStream_t stream);

}  // namespace aircache
