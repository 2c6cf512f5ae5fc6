// The C interface's scores and compaction of one layer: the all-layer kernels of score.h with one layer, and their results on the
// host. Sums over heads are finished there; they are a few thousand values.
#include <algorithm>
#include <vector>

#include "context.h"
#include "density.h"
#include "page_rows.h"
#include "score.h"

namespace aircache {

constexpr int kSplits = 8;  // blocks that share a softmax's keys

// Room hands out pieces of the context's scratch memory: measured first, with no memory, then placed.
struct Room {
  char* at = nullptr;
  size_t used = 0;
  template <class T>
  T* take(size_t n) {
    T* piece = at ? reinterpret_cast<T*>(at + used) : nullptr;
    used += (n * sizeof(T) + 255) / 256 * 256;
    return piece;
  }
};

// ScoreRoom is what a score needs on the device.
struct ScoreRoom {
  int *pages, *table, *row, *elite, *elites, *visual;
  float *weight, *part, *sum;
  float2* mass;
  float* bias;
  const bf16** query;

  void place(Room& room, const aircache_score_params* p) {
    const size_t most = size_t(std::max(p->queries, 1)), columns = size_t(std::max(p->visuals, p->cached)), kv = size_t(p->heads.kv);
    const size_t group = size_t(p->heads.query / p->heads.kv);
    pages = room.take<int>(p->pages), table = room.take<int>(1), row = room.take<int>(most), elite = room.take<int>(most), elites = room.take<int>(1);
    visual = room.take<int>(p->visuals), weight = room.take<float>(most);
    part = room.take<float>(std::max(kv, size_t(p->heads.query)) * most), sum = room.take<float>(kv * columns);
    mass = room.take<float2>(kv * most * group * kSplits), bias = room.take<float>(kv * bias_stride(int(most * group)));
    query = room.take<const bf16*>(1);
  }
};

template <class T>
static int32_t send(aircache_context* c, T* to, const T* from, size_t n) {
  if (n == 0) return AIRCACHE_OK;
  return check(c, cudaMemcpyAsync(to, from, n * sizeof(T), cudaMemcpyHostToDevice, c->stream), "copying what a score needs");
}

static int32_t fetch(aircache_context* c, std::vector<float>& to, const float* from) {
  AIRCACHE_TRY(check(c, cudaMemcpyAsync(to.data(), from, to.size() * sizeof(float), cudaMemcpyDeviceToHost, c->stream), "copying scores"));
  return check(c, cudaStreamSynchronize(c->stream), "copying scores");
}

// begin tests the shape and brings the lists over.
static int32_t begin(aircache_context* c, const aircache_score_params* p, ScoreRoom* w, Observed* seen) {
  const Heads h = heads_of(p->heads);
  if (c->capturing || !c->pool.pages || h.kv != c->pool.heads.kv || h.dim != c->pool.heads.dim || h.query != c->pool.heads.query || p->query.type != AIRCACHE_BF16) {
    return fail(c, AIRCACHE_ARGUMENT, "scoring: heads %d/%d of %d, the pool has %d/%d of %d; queries are bfloat16, and no graph is being captured", h.query, h.kv, h.dim,
                c->pool.heads.query, c->pool.heads.kv, c->pool.heads.dim);
  }
  Room measured;
  w->place(measured, p);
  void* data = nullptr;
  AIRCACHE_TRY(scratch(c, measured.used, &data));
  Room room{static_cast<char*>(data), 0};
  w->place(room, p);
  const int zero = 0;
  const bf16* query = values<bf16>(p->query);
  AIRCACHE_TRY(send(c, w->pages, p->page, size_t(p->pages)));
  AIRCACHE_TRY(send(c, w->table, &zero, 1));
  AIRCACHE_TRY(send(c, w->row, p->row, size_t(p->queries)));
  AIRCACHE_TRY(send(c, w->query, &query, 1));
  *seen = {w->query, c->pool.pages, w->pages, w->table, w->row, p->queries, 1, h};
  return AIRCACHE_OK;
}

// weigh runs mass, factors and columns, and brings [kv, columns] sums to the host. weight is [queries] on the host, or null.
static int32_t weigh(aircache_context* c, const ScoreRoom& w, const Observed& seen, const Window& window, const Columns& columns, OfWindow of_window, const float* weight,
                     std::vector<float>& sums) {
  const Heads h = seen.heads;
  if (weight) AIRCACHE_TRY(send(c, w.weight, weight, size_t(seen.rows)));
  AIRCACHE_TRY(check(c, run_mass({seen, window, columns, of_window, w.mass, kSplits}, c->stream), "adding up a softmax"));
  const FactorParams factors{w.mass, nullptr, window, weight ? w.weight : nullptr, w.bias, kSplits, seen.rows, 1, false, h};
  AIRCACHE_TRY(check(c, run_factors(factors, c->stream), "weighing rows"));
  AIRCACHE_TRY(check(c, run_columns({seen, window, columns, w.bias, w.sum}, c->stream), "adding up columns"));
  sums.resize(size_t(h.kv) * columns.count);
  return fetch(c, sums, w.sum);
}

static void add_heads(float* result, const std::vector<float>& sums, int kv, int n) {
  for (int i = 0; i < n; i++) {
    result[i] = 0;
    for (int head = 0; head < kv; head++) result[i] += sums[size_t(head) * n + i];
  }
}

}  // namespace aircache

using namespace aircache;

int32_t aircache_relevance(aircache_score_params* p) {
  AIRCACHE_ENTER(p);
  ScoreRoom w;
  Observed seen;
  AIRCACHE_TRY(begin(c, p, &w, &seen));
  AIRCACHE_TRY(check(c, run_relevance({seen, w.part, 0}, c->stream), "weighing text rows"));
  std::vector<float> sums(size_t(seen.heads.kv) * p->queries);
  AIRCACHE_TRY(fetch(c, sums, w.part));
  add_heads(p->result, sums, seen.heads.kv, p->queries);
  for (int i = 0; i < p->queries; i++) p->result[i] /= float(seen.heads.query);
  return AIRCACHE_OK;
}

int32_t aircache_importance(aircache_score_params* p) {
  AIRCACHE_ENTER(p);
  ScoreRoom w;
  Observed seen;
  AIRCACHE_TRY(begin(c, p, &w, &seen));
  AIRCACHE_TRY(send(c, w.elite, p->elite, size_t(p->elites)));
  AIRCACHE_TRY(send(c, w.elites, &p->elites, 1));
  AIRCACHE_TRY(send(c, w.visual, p->visual, size_t(p->visuals)));
  std::vector<float> counts, sums;
  if (p->weight) {  // what elite rows count, spread over the observed ones
    counts.assign(size_t(p->queries), 0);
    for (int i = 0; i < p->elites; i++) counts[size_t(p->elite[i])] = p->weight[i];
  }
  const Window window{w.elites, w.elite, p->elites};
  AIRCACHE_TRY(weigh(c, w, seen, window, {w.visual, p->visuals, false}, kAlsoWindow, p->weight ? counts.data() : nullptr, sums));
  if (!p->by_head) {
    add_heads(p->result, sums, seen.heads.kv, p->visuals);
    return AIRCACHE_OK;
  }
  for (size_t i = 0; i < sums.size(); i++) p->result[i] = sums[i] * float(seen.heads.kv);  // means over a group, not over all heads
  return AIRCACHE_OK;
}

int32_t aircache_columns(aircache_score_params* p) {
  AIRCACHE_ENTER(p);
  ScoreRoom w;
  Observed seen;
  AIRCACHE_TRY(begin(c, p, &w, &seen));
  std::vector<float> sums;
  AIRCACHE_TRY(weigh(c, w, seen, {nullptr, nullptr, p->queries}, {nullptr, p->cached, true}, kColumnsAlone, p->weight, sums));
  add_heads(p->result, sums, seen.heads.kv, p->cached);
  return AIRCACHE_OK;
}

int32_t aircache_density(aircache_score_params* p) {
  AIRCACHE_ENTER(p);
  ScoreRoom w;
  Observed seen;
  AIRCACHE_TRY(begin(c, p, &w, &seen));
  AIRCACHE_TRY(check(c, run_density(w.part, values<bf16>(p->query), c->pool.pages, w.pages, w.row, p->queries, p->bar, seen.heads, c->stream), "measuring density"));
  std::vector<float> shares(size_t(p->queries) * seen.heads.query);
  AIRCACHE_TRY(fetch(c, shares, w.part));
  for (int i = 0; i < p->queries; i++) {
    float sum = 0;
    for (int head = 0; head < seen.heads.query; head++) sum += shares[size_t(i) * seen.heads.query + head];
    p->result[i] = sum / float(seen.heads.query);
  }
  return AIRCACHE_OK;
}

// Rows are what keep and read_rows have on the device.
struct TakenRows {
  int *page, *row, *to;
  bf16* packed;
  float* wide;

  void place(Room& room, const aircache_keep_params* p, const Heads& h) {
    page = room.take<int>(p->pages), row = room.take<int>(size_t(p->lists) * p->count), to = room.take<int>(p->to_pages);
    packed = room.take<bf16>(size_t(2) * h.kv * p->count * h.dim);
    wide = room.take<float>(p->key ? size_t(h.kv) * p->count * h.dim : 0);
  }
};

static int32_t take_rows(aircache_context* c, const aircache_keep_params* p, TakenRows* t) {
  if (c->capturing || !c->pool.pages) return fail(c, AIRCACHE_ARGUMENT, "moving cached rows: there is no page, or a graph is being captured");
  Room measured;
  t->place(measured, p, c->pool.heads);
  void* data = nullptr;
  AIRCACHE_TRY(scratch(c, measured.used, &data));
  Room room{static_cast<char*>(data), 0};
  t->place(room, p, c->pool.heads);
  AIRCACHE_TRY(send(c, t->page, p->page, size_t(p->pages)));
  AIRCACHE_TRY(send(c, t->row, p->row, size_t(p->lists) * p->count));
  AIRCACHE_TRY(send(c, t->to, p->to, size_t(p->to_pages)));
  return check(c, run_take_rows(t->packed, c->pool.pages, t->page, t->row, p->lists, p->count, c->pool.heads, c->stream), "taking cached rows");
}

int32_t aircache_keep(aircache_keep_params* p) {
  AIRCACHE_ENTER(p);
  TakenRows t;
  AIRCACHE_TRY(take_rows(c, p, &t));
  return check(c, run_put_rows(c->pool.pages, t.to, t.packed, p->count, c->pool.heads, c->stream), "writing kept rows");
}

int32_t aircache_read_rows(aircache_keep_params* p) {
  AIRCACHE_ENTER(p);
  TakenRows t;
  AIRCACHE_TRY(take_rows(c, p, &t));
  const Heads h = c->pool.heads;
  const size_t n = size_t(h.kv) * p->count * h.dim;
  for (int part = 0; part < 2; part++) {
    AIRCACHE_TRY(check(c, run_spread_rows(t.wide, t.packed + part * n, p->count, h, c->stream), "converting cached rows"));
    AIRCACHE_TRY(check(c, cudaMemcpyAsync(part ? p->value : p->key, t.wide, n * sizeof(float), cudaMemcpyDeviceToHost, c->stream), "copying cached rows"));
    AIRCACHE_TRY(check(c, cudaStreamSynchronize(c->stream), "copying cached rows"));
  }
  return AIRCACHE_OK;
}
