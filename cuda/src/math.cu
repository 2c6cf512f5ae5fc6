// The C interface's mathematics: arguments are the caller's business (shapes are tested before a backend is called), what is told
// here is what no kernel takes.
#include "context.h"
#include "elementwise.h"
#include "norm.h"
#include "norm_heads.h"
#include "rows.h"

using namespace aircache;

// kAheadBytes of the next weights are fetched while rows are normalised: 4 us of an H100's memory.
constexpr size_t kAheadBytes = 12 << 20;

// lists_on_device brings a call's row numbers to the device, and its shares where it has some.
static int32_t lists_on_device(aircache_context* c, const aircache_rows_params* p, const int** rows, const float** shares) {
  if (c->capturing) return fail(c, AIRCACHE_ARGUMENT, "moving rows by number: a graph is being captured");
  const size_t n = size_t(p->count);
  void* room = nullptr;
  AIRCACHE_TRY(scratch(c, 2 * uploaded_bytes(n, 4), &room));
  char* at = static_cast<char*>(room);
  AIRCACHE_TRY(check(c, upload(c, &at, p->rows, n, rows), "copying row numbers"));
  return check(c, upload(c, &at, p->shares, p->shares ? n : 0, shares), "copying shares");
}

int32_t aircache_gather(aircache_rows_params* p) {
  AIRCACHE_ENTER(p);
  const int* rows = nullptr;
  const float* shares = nullptr;
  AIRCACHE_TRY(lists_on_device(c, p, &rows, &shares));
  return check(c, run_gather(p->dst, p->src, rows, c->stream), "gathering rows");
}

int32_t aircache_scatter(aircache_rows_params* p) {
  AIRCACHE_ENTER(p);
  const int* rows = nullptr;
  const float* shares = nullptr;
  AIRCACHE_TRY(lists_on_device(c, p, &rows, &shares));
  return check(c, run_scatter(p->dst, p->src, rows, c->stream), "scattering rows");
}

int32_t aircache_blend(aircache_rows_params* p) {
  AIRCACHE_ENTER(p);
  if (p->dst.rows == 0) return AIRCACHE_OK;
  if (!p->shares || p->count % p->dst.rows != 0) return fail(c, AIRCACHE_ARGUMENT, "blending %d rows into %d", p->count, p->dst.rows);
  const int* rows = nullptr;
  const float* shares = nullptr;
  AIRCACHE_TRY(lists_on_device(c, p, &rows, &shares));
  return check(c, run_blend(p->dst, p->src, rows, shares, p->count / p->dst.rows, c->stream), "blending rows");
}

int32_t aircache_add(aircache_math_params* p) {
  AIRCACHE_ENTER(p);
  return check(c, run_add(p->dst, p->x, c->stream), "adding");
}

int32_t aircache_layer_norm(aircache_math_params* p) {
  AIRCACHE_ENTER(p);
  return check(c, run_layer_norm(p->dst, p->x, p->weight, p->bias, p->eps, c->stream), "normalising a layer");
}

int32_t aircache_rms_norm(aircache_math_params* p) {
  AIRCACHE_ENTER(p);
  return check(c, run_rms_norm(p->dst, p->x, p->weight, p->eps, c->stream, c->linear.ahead(kAheadBytes)), "normalising by the mean square");
}

int32_t aircache_linear(aircache_math_params* p) {
  AIRCACHE_ENTER(p);
  std::string why;
  const cudaError_t e = c->linear.run(p->dst, p->x, p->weight, p->bias, p->add != 0, !c->capturing, c->stream, &why);
  if (!why.empty()) return fail(c, AIRCACHE_DEVICE, "%s", why.c_str());
  return check(c, e, "multiplying by weights");
}

int32_t aircache_norm_heads(aircache_math_params* p) {
  AIRCACHE_ENTER(p);
  if (p->dst.type != AIRCACHE_BF16 || p->weight.type != AIRCACHE_BF16 || p->bias.type != AIRCACHE_BF16 || p->weight.cols < 1 || p->bias.cols < 1) {
    return fail(c, AIRCACHE_ARGUMENT, "normalising heads: bfloat16 rows and weights wanted");
  }
  const NormHeadsParams norm{values<bf16>(p->dst), values<const bf16>(p->weight), values<const bf16>(p->bias), p->dst.rows, p->dst.cols,
                             p->query / p->weight.cols, p->weight.cols, p->key / p->bias.cols, p->bias.cols, p->eps};
  return check(c, run_norm_heads(norm, c->stream), "normalising heads");
}

int32_t aircache_activate(aircache_math_params* p) {
  AIRCACHE_ENTER(p);
  return check(c, run_activate(p->dst, p->function, c->stream), "applying an activation");
}

int32_t aircache_gated_silu(aircache_math_params* p) {
  AIRCACHE_ENTER(p);
  return check(c, run_gated_silu(p->dst, p->x, c->stream), "gating");
}
