#include "cudnn_attention.h"

#include <math.h>

#include "../kernels/pages.cuh"

namespace aircache {

namespace {

enum Id : int64_t { kQuery = 1, kKey, kValue, kAnswer, kScale, kSum, kAbsent, kUnseen, kRows, kKeys, kRowOffsets, kKeyOffsets, kAnswerOffsets, kSumOffsets, kTable };

using Tensor = CudnnGraph::Tensor;

// Lengths are the tensors of a packed plan's lengths.
struct Lengths {
  Tensor rows, keys, row, key, answer, sum;

  Lengths(CudnnGraph& g, int64_t sequences) {
    const auto list = [&](Id id, int64_t n) { return g.tensor(id, Cudnn::kInt32, {n, 1, 1, 1}, {1, 1, 1, 1}); };
    rows = list(kRows, sequences), keys = list(kKeys, sequences);
    row = list(kRowOffsets, sequences + 1), key = list(kKeyOffsets, sequences + 1), answer = list(kAnswerOffsets, sequences + 1), sum = list(kSumOffsets, sequences + 1);
  }
};

struct KeysAndValues {
  Tensor key, value;  // keys turned
};

}  // namespace

static KeysAndValues strided_keys(CudnnGraph& g, const AttentionShape& s, const Tensor* offsets) {
  const int64_t n = s.sequences, stride = s.key_stride;
  return {g.tensor(kKey, Cudnn::kBFloat16, {n, s.kv, s.dim, s.keys}, {s.keys * stride, s.dim, 1, stride}, offsets),
          g.tensor(kValue, Cudnn::kBFloat16, {n, s.kv, s.keys, s.dim}, {s.keys * stride, s.dim, stride, 1}, offsets)};
}

static KeysAndValues paged_keys(CudnnGraph& g, const AttentionShape& s, const Tensor& lengths) {
  const int64_t head = int64_t(kPageTokens) * s.dim, page = 2 * s.kv * head, most = s.keys / kPageTokens, all = int64_t(s.keys) * s.dim;
  const Tensor table = g.tensor(kTable, Cudnn::kInt32, {s.sequences, 1, most, 1}, {most, most, 1, 1});
  const auto container = [&](Id id) { return g.tensor(id, Cudnn::kBFloat16, {s.pages, s.kv, kPageTokens, s.dim}, {page, head, s.dim, 1}); };
  return {g.load_pages(container(kKey), table, lengths, {s.sequences, s.kv, s.dim, s.keys}, {s.kv * all, all, 1, s.dim}),
          g.load_pages(container(kValue), table, lengths, {s.sequences, s.kv, s.keys, s.dim}, {s.kv * all, all, s.dim, 1})};
}

// hide replaces the scores of what is not there, and of keys that a row must not see. cuDNN knows its masks by this order of operations.
static Tensor hide(CudnnGraph& g, const Tensor& scores, const Lengths& n) {
  const Tensor absent = g.scalar(kAbsent), unseen = g.scalar(kUnseen);
  const auto index = [&](const Tensor& of, int axis, Cudnn::Type precision) { return g.pointwise(Cudnn::kIndex, Cudnn::kInt32, precision, of, nullptr, nullptr, axis); };
  const Tensor row = index(scores, 2, Cudnn::kInt32), key = index(scores, 3, Cudnn::kInt32);
  const Tensor is_row = g.pointwise(Cudnn::kLess, Cudnn::kBoolean, Cudnn::kBoolean, row, &n.rows);
  const Tensor is_key = g.pointwise(Cudnn::kLess, Cudnn::kBoolean, Cudnn::kBoolean, key, &n.keys);
  const Tensor is_there = g.pointwise(Cudnn::kAnd, Cudnn::kBoolean, Cudnn::kBoolean, is_row, &is_key);
  const Tensor there = g.pointwise(Cudnn::kSelect, Cudnn::kFloat, Cudnn::kFloat, scores, &absent, &is_there);

  const Tensor from = index(there, 2, Cudnn::kFloat), to = index(there, 3, Cudnn::kFloat);
  const Tensor shifted = g.pointwise(Cudnn::kAdd, Cudnn::kInt32, Cudnn::kInt32, from, &n.keys, nullptr, 3);
  const Tensor last = g.pointwise(Cudnn::kSubtract, Cudnn::kInt32, Cudnn::kInt32, shifted, &n.rows, nullptr, 3);
  const Tensor sees = g.pointwise(Cudnn::kGreaterEqual, Cudnn::kBoolean, Cudnn::kBoolean, last, &to);
  return g.pointwise(Cudnn::kSelect, Cudnn::kFloat, Cudnn::kFloat, there, &unseen, &sees);
}

void AttentionPlan::describe() {
  const AttentionShape& s = shape;
  CudnnGraph& g = graph_;
  const int64_t n = s.sequences, width = int64_t(s.query) * s.dim;
  std::vector<Lengths> lengths;
  if (s.packed) lengths.emplace_back(g, n);
  const Lengths* packed = s.packed ? lengths.data() : nullptr;
  const Tensor* rows = packed ? &packed->rows : nullptr;
  const Tensor* keys = packed ? &packed->keys : nullptr;

  const Tensor query = g.tensor(kQuery, Cudnn::kBFloat16, {n, s.query, s.rows, s.dim}, {s.rows * s.row_stride, s.dim, s.row_stride, 1}, packed ? &packed->row : nullptr);
  const KeysAndValues from = s.pages ? paged_keys(g, s, *keys) : strided_keys(g, s, packed ? &packed->key : nullptr);
  const Tensor answer = g.tensor(kAnswer, Cudnn::kBFloat16, {n, s.query, s.rows, s.dim}, {s.rows * width, s.dim, width, 1}, packed ? &packed->answer : nullptr);
  const Tensor log_sum = g.tensor(kSum, Cudnn::kFloat, {n, s.query, s.rows, 1}, {int64_t(s.rows) * s.query, 1, s.query, 1}, packed ? &packed->sum : nullptr);

  const Tensor scale = g.scalar(kScale);
  const Tensor products = g.multiply(query, from.key, rows, keys);
  const Tensor scaled = g.pointwise(Cudnn::kMultiply, Cudnn::kFloat, Cudnn::kFloat, products, &scale);
  const Tensor scores = packed ? hide(g, scaled, *packed) : scaled;
  const Tensor top = g.reduce(Cudnn::kReduceMax, scores);
  const Tensor below = g.pointwise(Cudnn::kSubtract, Cudnn::kFloat, Cudnn::kFloat, scores, &top);
  const Tensor weights = g.pointwise(Cudnn::kExp, Cudnn::kFloat, Cudnn::kFloat, below);
  const Tensor sum = g.reduce(Cudnn::kReduceAdd, weights);
  const Tensor log = g.pointwise(Cudnn::kLog, Cudnn::kFloat, Cudnn::kFloat, sum);
  g.pointwise_into(log_sum, Cudnn::kAdd, Cudnn::kFloat, top, &log);
  const Tensor shares = g.pointwise(Cudnn::kDivide, Cudnn::kBFloat16, Cudnn::kFloat, weights, &sum);
  g.multiply_into(answer, shares, from.value, rows, nullptr, keys);
}

bool AttentionPlan::compile(std::string* why) {
  describe();
  return graph_.compile(why);
}

int AttentionPlan::execute(const AttentionMemory& m, void* workspace) const {
  float scale = 1 / sqrtf(float(shape.dim)), hidden = -INFINITY;
  int64_t ids[16];
  void* pointers[16];
  int count = 0;
  const auto give = [&](Id id, const void* pointer) { ids[count] = id, pointers[count++] = const_cast<void*>(pointer); };
  give(kQuery, m.query), give(kKey, m.key), give(kValue, m.value), give(kAnswer, m.answer), give(kSum, m.log_sum), give(kScale, &scale);
  if (shape.packed) {
    const PackedLengths* n = m.lengths;
    give(kAbsent, &hidden), give(kUnseen, &hidden), give(kRows, n->rows), give(kKeys, n->keys);
    give(kRowOffsets, n->row), give(kAnswerOffsets, n->answer), give(kSumOffsets, n->sum);
    if (!shape.pages) give(kKeyOffsets, n->key);
  }
  if (shape.pages) give(kTable, m.table);
  return graph_.execute(count, ids, pointers, workspace);
}

}  // namespace aircache
