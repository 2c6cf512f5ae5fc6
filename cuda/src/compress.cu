// A whole prompt's compression: scores of all layers, budgets, the kept rows and their compaction, queued without a word from the
// host in between. What the device decided is read when it is asked for.
#include <string.h>

#include <vector>

#include "budget.h"
#include "compact.h"
#include "context.h"
#include "score.h"
#include "topk.h"

namespace aircache {

constexpr int kMassSplits = 16;  // blocks that share a softmax's keys

// CompressRoom lies in the scratch memory. Lists come first: they are packed on the host and travel in one copy.
struct CompressRoom {
  const bf16** query;
  int *page, *table, *observe, *visual, *shown_row, *shown_at, *text, *other, *fresh, *fault;
  size_t lists;  // bytes

  int *elites, *elite, *kept, *rows, *to, *used;
  float *relevance_part, *relevance, *text_sum, *weight, *sum, *length, *order;
  float2 *mass, *rest, *factor;
  double2 *moments, *kept_mass;
  struct { int* budget; float* score; } out;  // with elites and fault, what the host reads
  size_t bytes;

  CompressRoom(char* base, const aircache_compress_params* p, int text_rows) {
    size_t used_bytes = 0;
    const auto take = [&](auto*& piece, size_t n) {
      piece = reinterpret_cast<std::remove_reference_t<decltype(piece)>>(base + used_bytes);
      used_bytes += (n * sizeof(*piece) + 255) / 256 * 256;
    };
    const size_t layers = size_t(p->layers), kv = size_t(p->heads.kv), group = size_t(p->heads.query / p->heads.kv), observed = size_t(p->observed), visual_rows = size_t(p->visual);
    take(query, layers), take(page, size_t(p->pages)), take(table, layers), take(observe, observed), take(visual, visual_rows);
    take(shown_row, size_t(p->shown)), take(shown_at, size_t(p->shown)), take(text, size_t(text_rows)), take(other, size_t(p->rows - p->shown)), take(fresh, size_t(p->fresh)), take(fault, layers);
    lists = used_bytes;
    take(elites, layers), take(elite, layers * observed), take(kept, layers * visual_rows), take(rows, layers), take(to, layers), take(used, 1);
    take(relevance_part, layers * kv * observed), take(relevance, layers * observed), take(text_sum, layers * kv * observed), take(weight, layers * observed);
    take(sum, layers * kv * p->shown), take(length, layers * p->shown), take(order, layers * visual_rows);
    take(mass, layers * kv * observed * group * kMassSplits), take(rest, layers * kv * observed * group), take(factor, layers * kv * observed * group);
    take(moments, layers), take(kept_mass, layers), take(out.budget, layers), take(out.score, layers * visual_rows);
    bytes = used_bytes;
  }
};

// rows_but are the prompt's rows without some, which ascend.
static std::vector<int> rows_but(int rows, const std::vector<int>& some) {
  std::vector<int> others;
  others.reserve(size_t(rows) - some.size());
  size_t next = 0;
  for (int row = 0; row < rows; row++) {
    if (next < some.size() && some[next] == row) next++;
    else others.push_back(row);
  }
  return others;
}

static std::vector<int> text_rows_of(const aircache_compress_params* p) { return rows_but(p->rows, {p->visual_row, p->visual_row + p->visual}); }

static std::vector<int> shown_rows_of(const aircache_compress_params* p) {
  std::vector<int> shown(size_t(p->shown));
  for (int i = 0; i < p->shown; i++) shown[i] = p->visual_row[p->shown_at ? p->shown_at[i] : i];
  return shown;
}

static int32_t check_compress(aircache_context* c, const aircache_compress_params* p) {
  const Heads h = heads_of(p->heads), pool = c->pool.heads;
  if (c->capturing || !c->pool.pages || h.kv != pool.kv || h.dim != pool.dim || h.query != pool.query) {
    return fail(c, AIRCACHE_ARGUMENT, "compressing: heads %d/%d of %d, the pool has %d/%d of %d", h.query, h.kv, h.dim, pool.query, pool.kv, pool.dim);
  }
  if (!p->shown_at && p->shown != p->visual) return fail(c, AIRCACHE_ARGUMENT, "compressing: %d of %d visual rows are shown, and no list says which", p->shown, p->visual);
  if (p->layers < 1 || p->layers > kMostLayers || p->visual < 1 || p->visual > kMostVisual || p->shown < 1 || p->shown > p->visual || p->observed < 1) {
    return fail(c, AIRCACHE_ARGUMENT, "compressing: %d layers (at most %d), %d visual rows (at most %d), %d shown, %d observed", p->layers, kMostLayers, p->visual, kMostVisual, p->shown, p->observed);
  }
  return AIRCACHE_OK;
}

// pack writes the lists where the host's block lies as they will lie on the device.
static void pack(char* base, const aircache_compress_params* p, const std::vector<int>& text) {
  const CompressRoom host(base, p, int(text.size()));
  const auto put = [](auto* to, const auto* from, size_t n) { memcpy(to, from, n * sizeof(*to)); };
  memset(base, 0, host.lists);
  put(host.query, reinterpret_cast<const bf16* const*>(p->query), size_t(p->layers));
  put(host.page, p->page, size_t(p->pages)), put(host.table, p->table, size_t(p->layers));
  put(host.observe, p->observe, size_t(p->observed)), put(host.visual, p->visual_row, size_t(p->visual));
  if (p->shown_at) put(host.shown_at, p->shown_at, size_t(p->shown));
  put(host.text, text.data(), text.size()), put(host.fresh, p->fresh_page, size_t(p->fresh));
  const std::vector<int> shown = shown_rows_of(p), other = rows_but(p->rows, shown);
  put(host.shown_row, shown.data(), shown.size()), put(host.other, other.data(), other.size());
}

// Looks are the windows and columns of a prompt's scores.
struct Looks {
  Window window, everyone;
  Columns picture, text, other, all, none;
  bool shared;  // everyone has seen the whole picture: its part of their softmaxes serves the weights and the importance
};

static Looks looks_of(const aircache_compress_params* p, const CompressRoom& r) {
  const int most = p->elite_max < p->observed ? p->elite_max : p->observed;
  return {{r.elites, r.elite, most}, {nullptr, nullptr, p->observed},
          {r.shown_row, p->shown, false}, {r.observe, p->observed, true}, {r.other, p->rows - p->shown, true}, {nullptr, p->rows, true}, {nullptr, 0, false},
          p->received && p->observe[0] > p->visual_row[p->visual - 1]};
}

// weigh_window leaves what each row of the window counts in r.weight.
static cudaError_t weigh_window(const aircache_compress_params* p, const CompressRoom& r, const Observed& seen, const Looks& look, cudaStream_t stream) {
  FactorParams factors{r.mass, nullptr, look.everyone, nullptr, r.factor, kMassSplits, p->observed, p->layers, true, seen.heads};
  cudaError_t e = run_mass({seen, look.everyone, look.shared ? look.picture : look.all, false, r.mass, kMassSplits}, stream);
  if (look.shared) {
    if (e == cudaSuccess) e = run_mass({seen, look.everyone, look.other, false, r.rest, 1}, stream);
    factors.extra = r.rest;
  }
  if (e == cudaSuccess) e = run_factors(factors, stream);
  if (e == cudaSuccess) e = run_columns({seen, look.everyone, look.text, r.factor, r.text_sum}, stream);
  if (e == cudaSuccess) e = run_received({r.text_sum, look.window, r.weight, p->observed, p->layers, seen.heads.kv}, stream);
  return e;
}

// score_layers leaves scores in r.out.score and what rows are ordered by in r.order.
static cudaError_t score_layers(const aircache_compress_params* p, const CompressRoom& r, const Observed& seen, cudaStream_t stream) {
  const Looks look = looks_of(p, r);
  const int most = look.window.most, least = p->elite_min < most ? p->elite_min : most;
  cudaError_t e = run_relevance({seen, r.relevance_part, 0}, stream);
  if (e == cudaSuccess) e = run_elite({r.relevance_part, r.relevance, r.elites, r.elite, r.fault, p->observed, p->layers, least, most, seen.heads, p->alpha}, stream);
  if (e == cudaSuccess && p->received) e = weigh_window(p, r, seen, look, stream);
  FactorParams factors{r.mass, nullptr, look.window, p->received ? r.weight : nullptr, r.factor, kMassSplits, p->observed, p->layers, false, seen.heads};
  if (look.shared) factors.of_all = true, factors.extra = r.rest;
  if (e == cudaSuccess && look.shared) e = run_mass({seen, look.window, look.none, true, r.rest, 1}, stream);
  if (e == cudaSuccess && !look.shared) e = run_mass({seen, look.window, look.picture, true, r.mass, kMassSplits}, stream);
  if (e == cudaSuccess) e = run_factors(factors, stream);
  if (e == cudaSuccess) e = run_columns({seen, look.window, look.picture, r.factor, r.sum}, stream);
  if (e == cudaSuccess && p->value_norm) e = run_lengths({seen, look.picture, r.length}, stream);
  if (e == cudaSuccess) {
    e = run_collect({r.sum, p->value_norm ? r.length : nullptr, r.shown_row, p->shown < p->visual ? r.shown_at : nullptr, r.out.score, r.order, p->layers, seen.heads.kv, p->shown, p->visual, p->reach}, stream);
  }
  return e;
}

static cudaError_t keep_layers(aircache_context* c, const aircache_compress_params* p, const CompressRoom& r, int text_rows) {
  BudgetParams shares = {};
  shares.moments = r.moments, shares.layers = p->layers, shares.visual = p->visual, shares.quotas = 1, shares.permille[0] = p->permille;
  shares.how = LayerBudget(p->layer_budget), shares.budget = r.out.budget, shares.text = text_rows, shares.rows = r.rows, shares.table = r.to, shares.used = r.used;
  cudaError_t e = run_moments({r.out.score, nullptr, r.moments, r.fault, p->layers, p->visual}, c->stream);
  if (e != cudaSuccess || p->fresh == 0) return e;
  e = run_budgets(shares, c->stream);
  if (e == cudaSuccess) e = run_top({r.order, r.out.score, r.out.budget, r.kept, r.kept_mass, p->layers, p->visual, 1}, c->stream);
  if (e != cudaSuccess) return e;
  return run_compact({c->pool.pages, r.page, r.table, r.fresh, r.to, r.visual, r.text, r.kept, r.out.budget, p->layers, p->visual, text_rows, c->pool.heads}, c->stream);
}

// fetch_results queues the copies of what the host will ask for: budgets, windows, faults, scores.
static int32_t fetch_results(aircache_context* c, Compressed* done, const CompressRoom& r) {
  const size_t layers = size_t(done->layers);
  const struct { const void* from; size_t bytes; } parts[] = {
      {r.out.budget, layers * 4}, {r.elites, layers * 4}, {r.fault, layers * 4}, {r.out.score, layers * done->visual * 4}};
  char* to = done->results.data;
  for (const auto& part : parts) {
    AIRCACHE_TRY(check(c, cudaMemcpyAsync(to, part.from, part.bytes, cudaMemcpyDeviceToHost, c->stream), "copying a compression's results"));
    to += part.bytes;
  }
  return check(c, cudaEventRecord(done->here, c->stream), "copying a compression's results");
}

}  // namespace aircache

using namespace aircache;

int32_t aircache_compress(aircache_compress_params* p) {
  AIRCACHE_ENTER(p);
  AIRCACHE_TRY(check_compress(c, p));
  const std::vector<int> text = text_rows_of(p);
  const size_t bytes = CompressRoom(nullptr, p, int(text.size())).bytes, lists = CompressRoom(nullptr, p, int(text.size())).lists;
  void* room = nullptr;
  AIRCACHE_TRY(scratch(c, bytes, &room));
  Compressed& done = c->compressed[++c->compressions % AIRCACHE_BATCHES];
  if (!done.here) AIRCACHE_TRY(check(c, cudaEventCreateWithFlags(&done.here, cudaEventDisableTiming), "creating an event"));
  AIRCACHE_TRY(check(c, cudaEventSynchronize(done.here), "waiting for an earlier compression"));
  done.ticket = p->ticket = c->compressions, done.layers = p->layers, done.visual = p->visual;
  AIRCACHE_TRY(grow(c, &done.lists, lists, "allocating pinned memory for a compression"));
  AIRCACHE_TRY(grow(c, &done.results, size_t(p->layers) * (12 + size_t(p->visual) * 4), "allocating pinned memory for a compression"));
  pack(done.lists.data, p, text);
  AIRCACHE_TRY(check(c, cudaMemcpyAsync(room, done.lists.data, lists, cudaMemcpyHostToDevice, c->stream), "copying a compression's lists"));
  const CompressRoom r(static_cast<char*>(room), p, int(text.size()));
  const Observed seen{r.query, c->pool.pages, r.page, r.table, r.observe, p->observed, p->layers, c->pool.heads};
  AIRCACHE_TRY(check(c, score_layers(p, r, seen, c->stream), "scoring visual rows"));
  AIRCACHE_TRY(check(c, keep_layers(c, p, r, int(text.size())), "keeping visual rows"));
  return fetch_results(c, &done, r);
}

int32_t aircache_compressed(aircache_compressed_params* p) {
  AIRCACHE_ENTER(p);
  Compressed& done = c->compressed[p->ticket % AIRCACHE_BATCHES];
  if (p->ticket < 1 || done.ticket != p->ticket) return fail(c, AIRCACHE_ARGUMENT, "asking for compression %d: it is none, or is gone", p->ticket);
  AIRCACHE_TRY(check(c, cudaEventSynchronize(done.here), "waiting for a compression"));
  int32_t* ints = reinterpret_cast<int32_t*>(done.results.data);
  p->budget = ints, p->elites = ints + done.layers, p->fault = ints + 2 * done.layers;
  p->score = reinterpret_cast<float*>(ints + 3 * done.layers);
  return AIRCACHE_OK;
}
