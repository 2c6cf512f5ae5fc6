#pragma once

#include "../kernels/pages.cuh"

namespace aircache {

// Observed is what a prefilled prompt of one sequence left behind, all layers: queries of the observing text rows, and pages.
struct Observed {
  const bf16* const* query;  // [layers] of [rows, query * dim], rotated
  const bf16* pool;
  const int* pages;
  const int* table;  // [layers] where the layer's page numbers start in pages
  const int* row;    // [rows] cache row of each, ascending
  int rows, layers;
  Heads heads;
};

// Window is the rows that look, per layer: count[l] indices of observed rows, ascending. Without lists it is all of them.
struct Window {
  const int* count;  // [layers], or null
  const int* list;   // [layers, most], or null
  int most;
};

// Columns are the cache rows that are looked at, ascending. Past: a row sees only those up to itself.
struct Columns {
  const int* row;  // null: cache rows 0, 1, ...
  int count;
  bool past;
};

// RelevanceParams: relevance[l, j] = mean over heads of softmax_j(q[last] . K[row j] / sqrt(dim)) over the observed rows.
struct RelevanceParams {
  Observed seen;
  float* part;  // [layers, kv, rows]: sums over the group
  float scale;  // set by the launcher
};

// EliteParams chooses the window: rows whose relevance is at least alpha times the highest, least..most of them.
struct EliteParams {
  const float* part;  // of RelevanceParams
  float* relevance;   // [layers, rows]
  int* count;         // [layers]
  int* list;          // [layers, most]
  int* fault;         // [layers] set where a value is not finite
  int rows, layers, least, most;
  Heads heads;
  double alpha;
};

enum OfWindow { kColumnsAlone, kAlsoWindow, kNotWindow };

// MassParams: for every row of the window and head, the softmax's maximum (in base 2) and sum over the columns; also over the window's own
// rows up to the asking one, or over no column that is one of these.
struct MassParams {
  Observed seen;
  Window window;
  Columns columns;
  OfWindow of_window;
  float2* part;  // [layers, kv, window.most * group, splits]
  int splits;    // blocks that share the columns
  float scale;   // set by the launcher
  const int* only_count = nullptr;  // [layers, kv] how many rows of only are to be added up; no other part is written
  const int* only = nullptr;        // [layers, kv, window.most * group] rows times heads of a window, or null: all
};

// bias_stride is how far apart the windows of two KV heads lie in FactorParams.bias: rows come by 16.
__host__ __device__ constexpr int bias_stride(int rows) { return (rows + 15) / 16 * 16; }

// FactorParams: what a row's exponentials count, weight / (heads * sum), as what is added to a score in base 2. Without weights a row
// counts 1/count. Where the prompt's attention saved the logarithms of its rows' sums, these are taken: softmax over all that the row
// sees, and no mass before; or, with others, over all but these.
struct FactorParams {
  const float2* part;           // of MassParams, or null
  const float* const* log_sum;  // [layers] of [rows, query]: natural logarithms, or null
  Window window;
  const float* weight;  // [layers, rows], of observed rows, or null
  float* bias;          // [layers, kv, bias_stride(window.most * group)]
  int splits, rows, layers;
  bool plain;  // every row counts 1/heads
  Heads heads;
  bool of_all = false;             // part is of all observed rows, not of the window's
  const float2* extra = nullptr;   // one more part of every row of the window, or null
  const float2* others = nullptr;  // of MassParams with one split: what the softmax with log_sum goes without
  int *listed = nullptr, *list = nullptr;  // with others, out, as MassParams.only: rows of whose sum too little is left; no bias is written
  const int *only_count = nullptr, *only = nullptr;  // only these get a bias
};

// ColumnParams: sum[l, h, c] = sum over the window's rows and the group's heads of 2^(score + bias).
struct ColumnParams {
  Observed seen;
  Window window;
  Columns columns;
  const float* bias;
  float* sum;   // [layers, kv, columns.count]
  float scale;  // this and the next are set by the launcher
  int chunk, sharing;  // queries in shared memory at a time; warps that share 32 keys
};

// ReceivedParams: what each row of the window counts: the mean attention that it gets from itself and the rows after it,
// sum[l, j] / (rows - j), as shares of 1; all the same where nobody looks.
struct ReceivedParams {
  const float* sum;  // [layers, kv, rows] of ColumnParams with plain factors, over the observed rows
  Window window;
  float* weight;  // [layers, rows]; only the window's are written
  int rows, layers, kv;
};

// LengthParams: length[l, c] of the values of a column's row, all KV heads together.
struct LengthParams {
  Observed seen;
  Columns columns;
  float* length;  // [layers, columns.count]
};

// CollectParams makes one score a visual row: the KV heads' sum, times the length of its value relative to the mean. Rows are
// ordered by what they share with neighbours up to reach rows of the prompt away: order = score + (1 - d/(reach+1)) * theirs.
struct CollectParams {
  const float* sum;     // [layers, kv, shown]
  const float* length;  // [layers, shown], or null
  const int* row;       // [shown] cache rows, ascending
  const int* shown_at;  // [shown] which visual row each is, or null: all are shown
  float *score, *order; // [layers, visual]; -1 where nothing is shown. With reach 0 the same may be given twice
  int layers, kv, shown, visual, reach;
};

cudaError_t run_relevance(RelevanceParams p, cudaStream_t stream);
cudaError_t run_elite(const EliteParams& p, cudaStream_t stream);
cudaError_t run_mass(MassParams p, cudaStream_t stream);
cudaError_t run_factors(const FactorParams& p, cudaStream_t stream);
cudaError_t run_columns(ColumnParams p, cudaStream_t stream);
cudaError_t run_received(const ReceivedParams& p, cudaStream_t stream);
cudaError_t run_lengths(const LengthParams& p, cudaStream_t stream);
cudaError_t run_collect(const CollectParams& p, cudaStream_t stream);

}  // namespace aircache
