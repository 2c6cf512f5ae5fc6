#pragma once

#include "matrix.h"

namespace aircache {

constexpr int kStreamRows = 32;  // of x, at most

// stream_suits says whether run_linear_stream takes these operands: bfloat16, 1 to 32 rows, inner length a multiple of 8, rows that
// begin at multiples of 16 bytes. Any number of columns; dst may be float32.
bool stream_suits(const Matrix& dst, const Matrix& x, const Matrix& w, const Matrix& bias);

// run_linear_stream: dst = x w^T + bias, or dst += that. The sums are the same, bit for bit, whatever the number of rows.
// w is read before the kernel before it in the stream has ended, where that lets the next one start: it must not come from there.
// multiprocessors are the device's.
cudaError_t run_linear_stream(const Matrix& dst, const Matrix& x, const Matrix& w, const Matrix& bias, bool add, int multiprocessors, cudaStream_t stream);

}  // namespace aircache
