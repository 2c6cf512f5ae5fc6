// Attention as a graph of cuDNN's: softmax of scaled scores times values, which it fuses into one kernel.
#pragma once

#include "cudnn_graph.h"

namespace aircache {

// AttentionShape is what a plan is compiled for. Rows of queries are [sequences * rows, stride] with heads side by side, keys and values the
// same, or pages of the cache; answers are [sequences * rows, query * dim], logarithms of the sums of exponentials [sequences * rows, query].
struct AttentionShape {
  int sequences, query, kv, dim;
  int rows, keys;  // of a sequence; the most, where they are packed
  int64_t row_stride, key_stride;
  // Packed: how many rows and keys there are lies on the device, nothing behind them is read or written, and the last row sees all keys,
  // each row before it one less. Otherwise every row sees all keys.
  bool packed;
  int pages;  // in the pool that holds keys and values, or 0; packed only

  bool operator==(const AttentionShape& o) const {
    return sequences == o.sequences && query == o.query && kv == o.kv && dim == o.dim && rows == o.rows && keys == o.keys && row_stride == o.row_stride &&
           key_stride == o.key_stride && packed == o.packed && pages == o.pages;
  }
};

// PackedLengths is what a packed plan of one sequence reads on the device. Each field begins where cuDNN's tensors may; where its row begins
// and ends is counted in values.
struct alignas(16) PackedLengths {
  int32_t rows[4], keys[4];                      // how many
  int32_t row[4], key[4], answer[4], sum[4];     // from and to
};

struct AttentionMemory {
  const void *query, *key, *value;
  void* answer;
  float* log_sum;
  const PackedLengths* lengths;  // on the device; of a packed plan
  const int32_t* table;          // of pages, on the device
};

class AttentionPlan {
 public:
  AttentionPlan(const Cudnn& cudnn, Cudnn::Handle handle, const AttentionShape& shape) : shape(shape), graph_(cudnn, handle) {}
  bool compile(std::string* why);
  size_t workspace() const { return graph_.workspace(); }
  int execute(const AttentionMemory& memory, void* workspace) const;  // 0 is success

  const AttentionShape shape;

 private:
  void describe();
  CudnnGraph graph_;
};

}  // namespace aircache
