// Tensor-core tiles of 16 x 8 x 16 bf16 values with fp32 sums, as every GPU from sm_80 on has them.
//
// Fragments of one warp, lane l, with row = l/4 and column = 2*(l%4):
//   a[4]  16 x 16: (row, column..+1), (row+8, ..), (row, column+8..), (row+8, column+8..)
//   b[2]  16 x 8:  (k = column..+1, n = row), (k = column+8..+9, n = row)
//   c[4]  16 x 8:  (row, column), (row, column+1), (row+8, column), (row+8, column+1)
#pragma once

#include "platform.cuh"

namespace aircache {

__device__ __forceinline__ void mma(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
#ifdef __CUDACC__
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
  const uint32_t b[2] = {b0, b1};
  simt::mma(c, a, b);
#endif
}

// load_matrices brings four 8 x 8 matrices from shared memory; lanes 8i..8i+7 point at the rows of matrix i.
__device__ __forceinline__ void load_matrices(uint32_t (&r)[4], const bf16* row) {
#ifdef __CUDACC__
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(static_cast<uint32_t>(__cvta_generic_to_shared(row)))
               : "memory");
#else
  simt::load_matrices(r, row, false);
#endif
}

__device__ __forceinline__ void load_matrices_transposed(uint32_t (&r)[4], const bf16* row) {
#ifdef __CUDACC__
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(static_cast<uint32_t>(__cvta_generic_to_shared(row)))
               : "memory");
#else
  simt::load_matrices(r, row, true);
#endif
}

// transpose_matrix turns an 8 x 8 matrix that lies in one register of each lane.
__device__ __forceinline__ uint32_t transpose_matrix(uint32_t r) {
#ifdef __CUDACC__
  uint32_t out;
  asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(out) : "r"(r));
  return out;
#else
  return simt::transpose_matrix(r);
#endif
}

}  // namespace aircache
