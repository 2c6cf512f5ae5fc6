// Steps: the cache's pool, the staging of a batch in one copy, and the calls that work on it.
#include <string.h>

#include "append.h"
#include "attend_prefill.h"
#include "context.h"
#include "rows.h"
#include "sample.h"
#include "turn.h"

namespace aircache {

constexpr int kStagedRows = 1 << 16;  // room for a step's tokens that is taken with the pool; more grows

// Layout of a packed step. It depends on the sizes alone, so that steps of one bucket lie in the same memory.
struct StepLayout {
  size_t first_row, row_sequence, token, position, cached, table, slot, draw, page, bytes;

  StepLayout(int64_t rows, int64_t sequences, int64_t layers, int64_t pages) {
    size_t at = 0;
    const auto place = [&](int64_t n, size_t size) {
      const size_t here = at;
      at = (at + size_t(n) * size + 15) / 16 * 16;
      return here;
    };
    draw = place(sequences, sizeof(aircache_draw));
    first_row = place(sequences + 1, 4);
    row_sequence = place(rows, 4);
    token = place(rows, 4);
    position = place(rows, 4);
    cached = place(layers * sequences, 4);
    table = place(layers * sequences, 4);
    slot = place(sequences, 4);
    page = place(pages, 4);
    bytes = at;
  }
};

static Staged& staged_of(aircache_context* c, int id) { return c->staged[id % AIRCACHE_BATCHES]; }

// grow_shared grows memory that graphs hold addresses of.
static int32_t grow_shared(aircache_context* c, DeviceBlock* block, size_t bytes, const char* what) {
  if (bytes <= block->size) return AIRCACHE_OK;
  c->generation++;
  return grow(c, block, bytes, what);
}

// choice_bytes is room for the choices of a step, and behind them for what surveys of its logits found.
static size_t choice_bytes(int sequences) { return (size_t(sequences) * sizeof(aircache_choice) + 255) / 256 * 256 + size_t(sequences) * kSampleSplits * sizeof(LogitSurvey); }

static size_t pool_bytes(const aircache_reserve_params* p) {
  return size_t(p->pages) * 2 * p->heads.kv * kPageTokens * p->heads.dim * sizeof(bf16);
}

// place_work lays out what attend_decode plans with.
static size_t place_work(DecodeWork* w, char* at, int layers, int sequences, int kv, int dim) {
  size_t used = 0;
  const auto place = [&](size_t bytes) {
    char* here = at ? at + used : nullptr;
    used += (bytes + 255) / 256 * 256;
    return here;
  };
  w->start = reinterpret_cast<DecodeStart*>(place(size_t(layers) * w->blocks * sizeof(DecodeStart)));
  w->arrived = reinterpret_cast<int*>(place(size_t(sequences) * kv * sizeof(int)));
  w->partial = reinterpret_cast<float*>(place(size_t(2) * w->blocks * decode_partial_floats(dim) * sizeof(float)));
  return used;
}

static int32_t reserve_work(aircache_context* c, const aircache_reserve_params* p, DecodeWork* work, DeviceBlock* memory) {
  AIRCACHE_TRY(check(c, decode_blocks(&work->blocks), "asking for the GPU's size"));
  work->least_pages = 8;
  AIRCACHE_TRY(grow(c, memory, place_work(work, nullptr, p->layers, p->sequences, p->heads.kv, p->heads.dim), "reserving room for decode steps"));
  place_work(work, memory->data, p->layers, p->sequences, p->heads.kv, p->heads.dim);
  return check(c, cudaMemsetAsync(memory->data, 0, memory->size, c->stream), "reserving room for decode steps");
}

static int32_t check_reserve(aircache_context* c, const aircache_reserve_params* p) {
  const Heads h = heads_of(p->heads);
  if (p->pages < 1 || p->layers < 1 || p->sequences < 1 || p->rows < 1 || h.kv < 1 || h.query % h.kv != 0) {
    return fail(c, AIRCACHE_ARGUMENT, "reserving %d pages, %d layers, %d sequences of %d rows, %d/%d heads: none may be 0", p->pages, p->layers, p->sequences, p->rows, h.query, h.kv);
  }
  if (h.dim != 64 && h.dim != 128) return fail(c, AIRCACHE_ARGUMENT, "the attention kernels have head dims 64 and 128, the model has %d", h.dim);
  if (h.group() > kMostGroup) return fail(c, AIRCACHE_ARGUMENT, "the attention kernels take %d query heads a KV head, the model has %d", kMostGroup, h.group());
  size_t free = 0, total = 0;
  AIRCACHE_TRY(check(c, cudaStreamSynchronize(c->stream), "reserving pages"));
  AIRCACHE_TRY(check(c, cudaMemGetInfo(&free, &total), "asking for the memory"));
  const double gib = 1 << 30;
  const size_t old = size_t(c->pool.count) * 2 * c->pool.heads.kv * kPageTokens * c->pool.heads.dim * sizeof(bf16);
  if (pool_bytes(p) > free + old) {
    return fail(c, AIRCACHE_MEMORY, "%d pages need %.3f GiB, %.3f of %.1f GiB are free on the GPU", p->pages, pool_bytes(p) / gib, (free + old) / gib, total / gib);
  }
  return AIRCACHE_OK;
}

}  // namespace aircache

using namespace aircache;

int32_t aircache_reserve(aircache_reserve_params* p) {
  AIRCACHE_ENTER(p);
  if (c->capturing) return fail(c, AIRCACHE_ARGUMENT, "reserving pages: a graph is being captured");
  AIRCACHE_TRY(check_reserve(c, p));
  Pool pool;
  pool.count = p->pages, pool.layers = p->layers, pool.sequences = p->sequences, pool.rows = p->rows, pool.heads = heads_of(p->heads);
  AIRCACHE_TRY(reserve_work(c, p, &pool.work, &pool.work_memory));
  AIRCACHE_TRY(check(c, c->fused.reserve(pool.heads, p->pages, p->rows), "preparing the attention of prompts"));
  const size_t old = c->pool.pages ? size_t(c->pool.count) * 2 * c->pool.heads.kv * kPageTokens * c->pool.heads.dim * sizeof(bf16) : 0;
  cudaFree(c->pool.pages);
  cudaError_t e = cudaMalloc(reinterpret_cast<void**>(&pool.pages), pool_bytes(p));
  if (e != cudaSuccess) {  // the count said that it fits, the allocator says that it does not
    cudaGetLastError();
    cudaFree(pool.work_memory.data);
    if (old) AIRCACHE_TRY(check(c, cudaMalloc(reinterpret_cast<void**>(&c->pool.pages), old), "taking the old pages back"));
    c->generation++;
    return fail(c, AIRCACHE_MEMORY, "%d pages need %.3f GiB in one piece, which the GPU does not have free", p->pages, pool_bytes(p) / double(1 << 30));
  }
  cudaFree(c->pool.work_memory.data);
  c->pool = pool;
  c->step = Step();
  c->generation++;
  const StepLayout most(kStagedRows, p->sequences, p->layers, int64_t(p->sequences) * p->layers * pages_for(p->rows));
  AIRCACHE_TRY(grow(c, &c->packed, most.bytes, "reserving room for staged steps"));
  AIRCACHE_TRY(grow(c, &c->choices, choice_bytes(p->sequences), "reserving room for choices"));
  return check(c, cudaMemsetAsync(pool.pages, 0, pool_bytes(p), c->stream), "clearing pages");
}

int32_t aircache_stage_begin(aircache_stage_params* p) {
  AIRCACHE_ENTER(p);
  if (p->rows < 1 || p->sequences < 1 || p->layers < 0 || p->page_numbers < 0) return fail(c, AIRCACHE_ARGUMENT, "staging %d rows of %d sequences", p->rows, p->sequences);
  const StepLayout at(p->rows, p->sequences, p->layers, p->page_numbers);
  Staged& s = staged_of(c, ++c->batches);
  AIRCACHE_TRY(check(c, cudaEventSynchronize(s.copied), "waiting for an earlier step's copy"));
  AIRCACHE_TRY(grow(c, &s.packed, at.bytes, "allocating pinned memory for a step"));
  p->batch = c->batches;
  char* base = s.packed.data;
  const auto ints = [&](size_t offset) { return reinterpret_cast<int32_t*>(base + offset); };
  p->first_row = ints(at.first_row), p->row_sequence = ints(at.row_sequence), p->token = ints(at.token), p->position = ints(at.position);
  p->cached = ints(at.cached), p->table = ints(at.table), p->slot = ints(at.slot), p->page = ints(at.page);
  p->draw = reinterpret_cast<aircache_draw*>(base + at.draw);
  return AIRCACHE_OK;
}

int32_t aircache_stage_end(aircache_stage_params* p) {
  AIRCACHE_ENTER(p);
  Staged& s = staged_of(c, p->batch);
  if (p->batch != c->batches || c->capturing) return fail(c, AIRCACHE_ARGUMENT, "staging: batch %d is not the one that was begun last", p->batch);
  const StepLayout at(p->rows, p->sequences, p->layers, p->page_numbers);
  AIRCACHE_TRY(grow_shared(c, &c->packed, at.bytes, "growing the room for staged steps"));
  AIRCACHE_TRY(grow_shared(c, &c->choices, choice_bytes(p->sequences), "growing the room for choices"));
  p->generation = c->generation;
  const int32_t* first_row = p->first_row;
  int most = 0;
  for (int i = 0; i < p->sequences; i++) most = first_row[i + 1] - first_row[i] > most ? first_row[i + 1] - first_row[i] : most;
  AIRCACHE_TRY(check(c, cudaMemcpyAsync(c->packed.data, s.packed.data, at.bytes, cudaMemcpyHostToDevice, c->stream), "copying a step"));
  AIRCACHE_TRY(check(c, cudaEventRecord(s.copied, c->stream), "copying a step"));
  const char* base = c->packed.data;
  const auto ints = [&](size_t offset) { return reinterpret_cast<const int*>(base + offset); };
  c->step.batch = {p->rows, p->sequences, p->layers, ints(at.first_row), ints(at.row_sequence), ints(at.cached), ints(at.table), ints(at.page)};
  c->step.token = ints(at.token), c->step.position = ints(at.position), c->step.slot = ints(at.slot);
  c->step.draw = reinterpret_cast<const aircache_draw*>(base + at.draw);
  c->step.most_rows = most, c->step.host_cached = p->cached, c->step.host_table = p->table;
  if (most > 1 || p->layers == 0 || !c->pool.pages) return AIRCACHE_OK;
  if (p->sequences > c->pool.sequences || p->layers > c->pool.layers) {
    return fail(c, AIRCACHE_ARGUMENT, "staging %d sequences of %d layers, the pool was reserved for %d of %d", p->sequences, p->layers, c->pool.sequences, c->pool.layers);
  }
  return check(c, plan_decode_step(c->step.batch, c->pool.work, c->pool.heads.kv, c->stream), "planning a decode step");
}

static int32_t on_batch(aircache_context* c, int rows, const char* op) {
  if (rows == c->step.batch.rows) return AIRCACHE_OK;
  return fail(c, AIRCACHE_ARGUMENT, "%s: %d rows, the batch staged last has %d", op, rows, c->step.batch.rows);
}

int32_t aircache_embed(aircache_step_params* p) {
  AIRCACHE_ENTER(p);
  AIRCACHE_TRY(on_batch(c, p->dst.rows, "embedding"));
  return check(c, run_embed(p->dst, p->x, c->step.token, c->last_token, c->stream), "embedding");
}

int32_t aircache_angles(aircache_step_params* p) {
  AIRCACHE_ENTER(p);
  AIRCACHE_TRY(on_batch(c, p->dst.rows, "computing angles"));
  return check(c, run_angles(p->dst, p->x, c->step.position, c->stream), "computing angles");
}

static int32_t in_pool(aircache_context* c, const aircache_step_params* p, const char* op) {
  const Heads& h = c->pool.heads;
  if (c->pool.pages && p->heads.query == h.query && p->heads.kv == h.kv && p->heads.dim == h.dim && p->layer >= 0 && p->layer < c->step.batch.layers) return AIRCACHE_OK;
  return fail(c, AIRCACHE_ARGUMENT, "%s: heads %d/%d of %d, layer %d: the pool has %d/%d of %d, the step %d layers", op, p->heads.query, p->heads.kv, p->heads.dim, p->layer, h.query, h.kv, h.dim,
              c->step.batch.layers);
}

int32_t aircache_append(aircache_step_params* p) {
  AIRCACHE_ENTER(p);
  AIRCACHE_TRY(on_batch(c, p->x.rows, "appending to the cache"));
  AIRCACHE_TRY(in_pool(c, p, "appending to the cache"));
  return check(c, run_append({values<bf16>(p->x), values<const float>(p->angles), c->pool.pages, c->step.batch, p->layer, c->pool.heads}, c->stream), "appending to the cache");
}

int32_t aircache_attend(aircache_step_params* p) {
  AIRCACHE_ENTER(p);
  AIRCACHE_TRY(on_batch(c, p->x.rows, "attending"));
  AIRCACHE_TRY(in_pool(c, p, "attending"));
  float* sums = values<float>(p->sums);
  if (c->step.most_rows == 1 && !sums) {
    return check(c, run_attend_decode({values<bf16>(p->dst), values<const bf16>(p->x), c->pool.pages, c->step.batch, c->pool.work, p->layer, c->pool.heads, kernels_overlap(), 0}, c->stream), "attending");
  }
  const PrefillParams prompt{values<bf16>(p->dst), values<const bf16>(p->x), c->pool.pages, c->step.batch, p->layer, c->pool.heads, c->step.most_rows, sums, 0};
  bool taken = false;
  if (c->step.batch.sequences == 1 && !c->capturing && c->step.host_table[p->layer] != kNoPages) {
    AIRCACHE_TRY(check(c, c->fused.attend(prompt, c->step.host_cached[p->layer], c->step.batch.pages + c->step.host_table[p->layer], c->pool.count, c->stream, &taken), "attending"));
  }
  return taken ? int32_t(AIRCACHE_OK) : check(c, run_attend_prefill(prompt, c->stream), "attending");
}

int32_t aircache_mix(aircache_step_params* p) {
  AIRCACHE_ENTER(p);
  if (p->x.type != AIRCACHE_BF16 || p->dst.type != AIRCACHE_BF16 || p->sequences < 1) return fail(c, AIRCACHE_ARGUMENT, "mixing %d sequences of float32 rows: bfloat16 only", p->sequences);
  const MixParams mix{values<bf16>(p->dst), values<const bf16>(p->x), p->sequences, p->x.rows / p->sequences, heads_of(p->heads), 0};
  bool taken = false;
  if (!c->capturing) AIRCACHE_TRY(check(c, c->fused.mix(mix, c->stream, &taken), "mixing rows"));
  if (taken) return AIRCACHE_OK;
  const cudaError_t e = run_mix(mix, c->stream);
  if (e == cudaErrorInvalidValue) return fail(c, AIRCACHE_ARGUMENT, "the vision attention has head dims 64, 72, 80 and 128, the model has %d", p->heads.dim);
  return check(c, e, "mixing rows");
}

int32_t aircache_turn(aircache_step_params* p) {
  AIRCACHE_ENTER(p);
  const Heads h = heads_of(p->heads);
  if (p->x.type != AIRCACHE_BF16 || p->x.cols != h.width() || p->angles.type != AIRCACHE_F32 || p->angles.rows != p->x.rows || p->angles.cols != h.dim) {
    return fail(c, AIRCACHE_ARGUMENT, "turning %d rows of %d columns by %d angles of %d: bfloat16 by float32, as many rows, a head's width wanted", p->x.rows, p->x.cols, p->angles.rows, p->angles.cols);
  }
  return check(c, run_turn({values<bf16>(p->x), values<const float>(p->angles), p->x.rows, h}, c->stream), "turning heads");
}

int32_t aircache_sample(aircache_step_params* p) {
  AIRCACHE_ENTER(p);
  const int sequences = c->step.batch.sequences;
  if (p->x.rows != sequences || p->x.type != AIRCACHE_F32 || p->x.cols < 1) {
    return fail(c, AIRCACHE_ARGUMENT, "sampling: %d rows of logits of type %d, the batch staged last has %d sequences", p->x.rows, p->x.type, sequences);
  }
  // The survey lies behind the choices of this many sequences: the same place for every step of a bucket.
  char* survey = c->choices.data + choice_bytes(sequences) - size_t(sequences) * kSampleSplits * sizeof(LogitSurvey);
  const SampleParams sample{values<const float>(p->x), sequences, p->x.cols, c->step.draw, c->step.slot, c->last_token,
                            reinterpret_cast<aircache_choice*>(c->choices.data), reinterpret_cast<LogitSurvey*>(survey)};
  AIRCACHE_TRY(check(c, run_sample(sample, c->stream), "sampling"));
  if (!c->capturing) return keep_choices(c);
  c->captured_sample = true;
  return AIRCACHE_OK;
}
