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
  const float** log_sum;
  int *page, *table, *observe, *visual, *text, *fresh, *fault;
  int *shown_row, *shown_at, *other;  // without padding, all visual rows, nothing, and the text
  size_t lists;  // bytes

  int *elites, *elite, *kept, *rows, *to, *used;
  float *relevance_part, *relevance, *text_sum, *weight, *sum, *length, *order;
  float2 *mass, *rest;
  float* bias;
  int *listed, *list;  // rows whose sum is no difference
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
    take(query, layers), take(log_sum, layers), take(page, size_t(p->pages)), take(table, layers), take(observe, observed), take(visual, visual_rows);
    take(text, size_t(text_rows)), take(fresh, size_t(p->fresh));
    shown_row = visual, other = text;
    if (p->shown_at) take(shown_row, size_t(p->shown)), take(shown_at, size_t(p->shown)), take(other, size_t(p->rows - p->shown));
    take(fault, layers);
    lists = used_bytes;
    take(elites, layers), take(elite, layers * observed), take(kept, layers * visual_rows), take(rows, layers), take(to, layers), take(used, 1);
    take(relevance_part, layers * kv * observed), take(relevance, layers * observed), take(text_sum, layers * kv * observed), take(weight, layers * observed);
    take(sum, layers * kv * p->shown), take(length, layers * p->shown), take(order, layers * visual_rows);
    take(mass, layers * kv * observed * group * kMassSplits), take(rest, layers * kv * observed * group);
    take(bias, layers * kv * bias_stride(int(observed * group))), take(listed, layers * kv), take(list, layers * kv * observed * group);
    take(moments, layers), take(kept_mass, layers), take(out.budget, layers), take(out.score, layers * visual_rows);
    bytes = used_bytes;
  }
};

// rows_but are the prompt's rows without some, which ascend.
static std::vector<int> rows_but(int rows, const int* some, int count) {
  std::vector<int> others;
  others.reserve(size_t(rows - count));
  int row = 0;
  for (int i = 0; i < count; i++, row++)
    for (; row < some[i]; row++) others.push_back(row);
  for (; row < rows; row++) others.push_back(row);
  return others;
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
  memset(host.fault, 0, size_t(p->layers) * sizeof(int));
  put(host.query, reinterpret_cast<const bf16* const*>(p->query), size_t(p->layers));
  if (p->log_sum) put(host.log_sum, reinterpret_cast<const float* const*>(p->log_sum), size_t(p->layers));
  put(host.page, p->page, size_t(p->pages)), put(host.table, p->table, size_t(p->layers));
  put(host.observe, p->observe, size_t(p->observed)), put(host.visual, p->visual_row, size_t(p->visual));
  put(host.text, text.data(), text.size()), put(host.fresh, p->fresh_page, size_t(p->fresh));
  if (!p->shown_at) return;
  for (int i = 0; i < p->shown; i++) host.shown_row[i] = p->visual_row[p->shown_at[i]];
  const std::vector<int> other = rows_but(p->rows, host.shown_row, p->shown);
  put(host.shown_at, p->shown_at, size_t(p->shown)), put(host.other, other.data(), other.size());
}

// Looks are the windows and columns of a prompt's scores.
struct Looks {
  Window window, everyone;
  Columns picture, text, other, all, none;
  bool after;   // all that observe have seen the whole picture
  bool differ;  // and their saved sums are of little else
};

static Looks looks_of(const aircache_compress_params* p, const CompressRoom& r) {
  const int most = p->elite_max < p->observed ? p->elite_max : p->observed, others = p->rows - p->shown;
  const bool after = p->observe[0] > p->visual_row[p->visual - 1];
  return {{r.elites, r.elite, most}, {nullptr, nullptr, p->observed},
          {r.shown_row, p->shown, false}, {r.observe, p->observed, true}, {r.other, others, true}, {nullptr, p->rows, true}, {nullptr, 0, false},
          after, after && p->log_sum && others < p->shown / 2};
}

// Scoring is one prompt's: what the steps below share.
struct Scoring {
  const aircache_compress_params* p;
  const CompressRoom& r;
  Observed seen;
  Looks look;
  cudaStream_t stream;

  FactorParams factors(const Window& window) const {
    FactorParams f{};
    f.part = r.mass, f.window = window, f.bias = r.bias, f.splits = kMassSplits, f.rows = p->observed, f.layers = p->layers, f.heads = seen.heads;
    return f;
  }
  cudaError_t mass(const Window& window, const Columns& columns, OfWindow of_window, float2* part, int splits) const {
    return run_mass({seen, window, columns, of_window, part, splits}, stream);
  }
};

// weigh_window leaves what each row of the window counts in r.weight: softmaxes over all that a row sees. Where their sums were not
// saved, one mass over the picture for all who observe serves these and the importance.
static cudaError_t weigh_window(const Scoring& s) {
  FactorParams f = s.factors(s.look.everyone);
  f.plain = true;
  cudaError_t e = cudaSuccess;
  if (s.p->log_sum) {
    f.log_sum = s.r.log_sum;
  } else {
    e = s.mass(s.look.everyone, s.look.after ? s.look.picture : s.look.all, kColumnsAlone, s.r.mass, kMassSplits);
    if (e == cudaSuccess && s.look.after) e = s.mass(s.look.everyone, s.look.other, kColumnsAlone, s.r.rest, 1);
    if (s.look.after) f.extra = s.r.rest;
  }
  if (e == cudaSuccess) e = run_factors(f, s.stream);
  if (e == cudaSuccess) e = run_columns({s.seen, s.look.everyone, s.look.text, s.r.bias, s.r.text_sum}, s.stream);
  if (e == cudaSuccess) e = run_received({s.r.text_sum, s.look.window, s.r.weight, s.p->observed, s.p->layers, s.seen.heads.kv}, s.stream);
  return e;
}

// weigh_rows leaves in r.bias what the window's rows count in softmaxes over the picture and the window.
static cudaError_t weigh_rows(const Scoring& s) {
  FactorParams f = s.factors(s.look.window);
  if (s.p->received) f.weight = s.r.weight;
  if (!s.look.differ && s.p->received && s.look.after && !s.p->log_sum) {
    f.of_all = true, f.extra = s.r.rest;
    const cudaError_t e = s.mass(s.look.window, s.look.none, kAlsoWindow, s.r.rest, 1);
    return e == cudaSuccess ? run_factors(f, s.stream) : e;
  }
  if (!s.look.differ) {
    const cudaError_t e = s.mass(s.look.window, s.look.picture, kAlsoWindow, s.r.mass, kMassSplits);
    return e == cudaSuccess ? run_factors(f, s.stream) : e;
  }
  cudaError_t e = s.mass(s.look.window, s.look.other, kNotWindow, s.r.rest, 1);
  FactorParams difference = f;
  difference.log_sum = s.r.log_sum, difference.others = s.r.rest, difference.listed = s.r.listed, difference.list = s.r.list;
  if (e == cudaSuccess) e = run_factors(difference, s.stream);
  if (e == cudaSuccess) e = run_mass({s.seen, s.look.window, s.look.picture, kAlsoWindow, s.r.mass, kMassSplits, 0, s.r.listed, s.r.list}, s.stream);
  f.only_count = s.r.listed, f.only = s.r.list;
  return e == cudaSuccess ? run_factors(f, s.stream) : e;
}

// fork lets the stream beside go on from here.
static cudaError_t fork(aircache_context* c) {
  const cudaError_t e = cudaEventRecord(c->forked, c->stream);
  return e == cudaSuccess ? cudaStreamWaitEvent(c->beside, c->forked, 0) : e;
}

// score_layers leaves scores in r.out.score and what rows are ordered by in r.order. The lengths of values need nothing of the rest: they
// are taken beside it.
static cudaError_t score_layers(aircache_context* c, const aircache_compress_params* p, const CompressRoom& r, const Observed& seen) {
  const Scoring s{p, r, seen, looks_of(p, r), c->stream};
  const int most = s.look.window.most, least = p->elite_min < most ? p->elite_min : most;
  cudaError_t e = cudaSuccess;
  if (p->value_norm) {
    e = fork(c);
    if (e == cudaSuccess) e = run_lengths({seen, s.look.picture, r.length}, c->beside);
    if (e == cudaSuccess) e = cudaEventRecord(c->joined, c->beside);
  }
  if (e == cudaSuccess) e = run_relevance({seen, r.relevance_part, 0}, c->stream);
  if (e == cudaSuccess) e = run_elite({r.relevance_part, r.relevance, r.elites, r.elite, r.fault, p->observed, p->layers, least, most, seen.heads, p->alpha}, c->stream);
  if (e == cudaSuccess && p->received) e = weigh_window(s);
  if (e == cudaSuccess) e = weigh_rows(s);
  if (e == cudaSuccess) e = run_columns({seen, s.look.window, s.look.picture, r.bias, r.sum}, c->stream);
  if (e == cudaSuccess && p->value_norm) e = cudaStreamWaitEvent(c->stream, c->joined, 0);
  if (e == cudaSuccess) {
    e = run_collect({r.sum, p->value_norm ? r.length : nullptr, r.shown_row, p->shown < p->visual ? r.shown_at : nullptr, r.out.score, r.order, p->layers, seen.heads.kv, p->shown, p->visual, p->reach}, c->stream);
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

// fetch_scores copies them beside the work on what is kept: they are the most of what the host asks for.
static int32_t fetch_scores(aircache_context* c, const Compressed& done, const CompressRoom& r) {
  const char* doing = "copying a compression's scores";
  AIRCACHE_TRY(check(c, fork(c), doing));
  AIRCACHE_TRY(check(c, cudaMemcpyAsync(done.results.data + size_t(done.layers) * 12, r.out.score, size_t(done.layers) * done.visual * 4, cudaMemcpyDeviceToHost, c->beside), doing));
  return check(c, cudaEventRecord(c->joined, c->beside), doing);
}

// fetch_results queues the copies of budgets, windows and faults, and waits for the scores' copy.
static int32_t fetch_results(aircache_context* c, const Compressed& done, const CompressRoom& r) {
  const char* doing = "copying a compression's results";
  const size_t bytes = size_t(done.layers) * 4;
  char* to = done.results.data;
  for (const void* from : {r.out.budget, r.elites, r.fault}) {
    AIRCACHE_TRY(check(c, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, c->stream), doing));
    to += bytes;
  }
  AIRCACHE_TRY(check(c, cudaStreamWaitEvent(c->stream, c->joined, 0), doing));
  return check(c, cudaEventRecord(done.here, c->stream), doing);
}

}  // namespace aircache

using namespace aircache;

int32_t aircache_compress(aircache_compress_params* p) {
  AIRCACHE_ENTER(p);
  AIRCACHE_TRY(check_compress(c, p));
  const std::vector<int> text = rows_but(p->rows, p->visual_row, p->visual);
  const CompressRoom measured(nullptr, p, int(text.size()));
  const size_t bytes = measured.bytes, lists = measured.lists;
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
  AIRCACHE_TRY(check(c, score_layers(c, p, r, seen), "scoring visual rows"));
  AIRCACHE_TRY(fetch_scores(c, done, r));
  AIRCACHE_TRY(check(c, keep_layers(c, p, r, int(text.size())), "keeping visual rows"));
  return fetch_results(c, done, r);
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
