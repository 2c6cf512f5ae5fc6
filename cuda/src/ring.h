// Pinned memory that is filled piece after piece, in a ring: what a piece holds must stay until its copy has run.
#pragma once

#include <cuda_runtime.h>

#include <deque>
#include <vector>

namespace aircache {

struct PinnedRing {
  char* data = nullptr;
  size_t size = 0;

  // open allocates so many bytes, once.
  cudaError_t open(size_t bytes);
  // take gives room for a piece; it waits only where copies of pieces that lay there have not run. bytes fit into the ring.
  cudaError_t take(size_t bytes, char** at);
  // sent tells that all copies of the piece taken last are queued on the stream.
  cudaError_t sent(cudaStream_t stream);
  void close();

 private:
  struct Piece {
    size_t from, to;
    cudaEvent_t run;
  };
  cudaError_t drop(size_t pieces);
  bool oldest_has_run();

  size_t next_ = 0, from_ = 0;
  std::deque<Piece> busy_;  // oldest first: copies run in that order
  std::vector<cudaEvent_t> idle_;
};

}  // namespace aircache
