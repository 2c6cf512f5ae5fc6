// append turns queries and keys by their angles and writes keys and values behind the cached rows.
//
// A block is a row of the step. A thread turns 8 pairs (i, i + dim/2) of a head, or copies 8 values of V: 16-byte accesses.
// Queries and keys are turned in place too, so that attention over the new rows alone can read them from qkv.
//
// Bytes a row: width*2 read, (query + kv)*dim*2 written in place, 2*kv*dim*2 written to pages, dim*4 of angles.
// 28/4 heads of 128: 9.2 + 8.2 + 2.0 + 0.5 KB = 20 KB: 8192 rows are 163 MB, 54 us at 3.0 TB/s; a decode step is launch time.
#pragma once

#include "../src/append.h"

namespace aircache {

constexpr int kAppendThreads = 128;

// turn_pairs rotates 8 values of the lower half of a head with those of the upper half.
__device__ __forceinline__ void turn_pairs(Packed& low, Packed& high, const float* cosines, const float* sines) {
#pragma unroll
  for (int j = 0; j < 8; j++) {
    const float a = __bfloat162float(low.value[j]), b = __bfloat162float(high.value[j]);
    low.value[j] = __float2bfloat16(a * cosines[j] - b * sines[j]);
    high.value[j] = __float2bfloat16(b * cosines[j] + a * sines[j]);
  }
}

__global__ void __launch_bounds__(kAppendThreads) append(AppendParams p) {
  const int row = blockIdx.x, dim = p.heads.dim, half = dim / 2;
  const int sequence = p.batch.row_sequence[row], entry = p.layer * p.batch.sequences + sequence;
  const int table = p.batch.table[entry], at = p.batch.cached[entry] + row - p.batch.first_row[sequence];
  const int page = table == kNoPages ? 0 : p.batch.pages[table + at / kPageTokens], slot = at % kPageTokens * dim;
  wait_for_previous_kernel();  // the step's arrays are older
  let_next_kernel_start();     // not sooner: attention reads its plan before it waits
  if (table == kNoPages) return;
  bf16* qkv = p.qkv + int64_t(row) * p.heads.width();

  const float* angles = p.angles + int64_t(row) * dim;
  const int parts = half / 8;
  for (int i = threadIdx.x; i < (p.heads.query + p.heads.kv) * parts; i += blockDim.x) {
    const int head = i / parts, first = i % parts * 8;
    bf16* x = qkv + head * dim + first;
    Packed low = load_packed(x), high = load_packed(x + half);
    turn_pairs(low, high, angles + first, angles + half + first);
    store_packed(x, low);
    store_packed(x + half, high);
    if (head >= p.heads.query) {
      bf16* key = page_rows(p.pool, page, p.heads.kv, head - p.heads.query, dim, false) + slot + first;
      store_packed(key, low);
      store_packed(key + half, high);
    }
  }
  const bf16* values = qkv + (p.heads.query + p.heads.kv) * dim;
  for (int i = threadIdx.x; i < p.heads.kv * dim / 8; i += blockDim.x) {
    const int head = i / (dim / 8), first = i % (dim / 8) * 8;
    store_packed(page_rows(p.pool, page, p.heads.kv, head, dim, true) + slot + first, load_packed(values + i * 8));
  }
}

}  // namespace aircache
