#pragma once

#include <memory>
#include <string>

#include "../kernels/ahead.cuh"
#include "linear_stream.h"

namespace aircache {

// run_linear_plain: dst = x w^T + bias, or dst += that. Bias may have no data. dst of a bfloat16 product may be float32.
cudaError_t run_linear_plain(const Matrix& dst, const Matrix& x, const Matrix& w, const Matrix& bias, bool add, cudaStream_t stream);

// Linear multiplies with cuBLASLt, or streams the weights past few rows itself. For each shape it keeps what was fastest when the
// shape was first seen: a step of a new shape takes some milliseconds more, later ones allocate nothing.
class Linear {
 public:
  // own: linear_stream may be chosen, not cuBLASLt alone.
  explicit Linear(bool own = true);
  ~Linear();
  // open returns false and says in error what is missing.
  bool open(std::string* error);
  int version() const;
  // timed: the device may be waited for, to time algorithms; not while a graph is captured.
  cudaError_t run(const Matrix& dst, const Matrix& x, const Matrix& w, const Matrix& bias, bool add, bool timed, cudaStream_t stream, std::string* error);

  // ahead is the head of the weights that followed the last ones when these were used before: of a step that comes again, the
  // next ones. None after prompts, which are not bound by memory.
  Ahead ahead(size_t bytes) const;
  // forget is called before memory is freed: weights may lie there.
  void forget();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace aircache
