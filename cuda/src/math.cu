// The C interface's mathematics: arguments are the caller's business (shapes are tested before a backend is called), what is told
// here is what no kernel takes.
#include "context.h"
#include "elementwise.h"
#include "norm.h"
#include "rows.h"

using namespace aircache;

static int32_t rows_on_device(aircache_context* c, const aircache_rows_params* p, const int** rows) {
  if (c->capturing) return fail(c, AIRCACHE_ARGUMENT, "moving rows by number: a graph is being captured");
  void* room = nullptr;
  AIRCACHE_TRY(scratch(c, uploaded_bytes(size_t(p->count), sizeof(int)), &room));
  char* at = static_cast<char*>(room);
  return check(c, upload(c, &at, p->rows, size_t(p->count), rows), "copying row numbers");
}

int32_t aircache_gather(aircache_rows_params* p) {
  AIRCACHE_ENTER(p);
  const int* rows = nullptr;
  AIRCACHE_TRY(rows_on_device(c, p, &rows));
  return check(c, run_gather(p->dst, p->src, rows, c->stream), "gathering rows");
}

int32_t aircache_scatter(aircache_rows_params* p) {
  AIRCACHE_ENTER(p);
  const int* rows = nullptr;
  AIRCACHE_TRY(rows_on_device(c, p, &rows));
  return check(c, run_scatter(p->dst, p->src, rows, c->stream), "scattering rows");
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
  return check(c, run_rms_norm(p->dst, p->x, p->weight, p->eps, c->stream), "normalising by the mean square");
}

int32_t aircache_linear(aircache_math_params* p) {
  AIRCACHE_ENTER(p);
  std::string why;
  const cudaError_t e = c->linear.run(p->dst, p->x, p->weight, p->bias, p->add != 0, !c->capturing, c->stream, &why);
  if (!why.empty()) return fail(c, AIRCACHE_DEVICE, "%s", why.c_str());
  return check(c, e, "multiplying by weights");
}

int32_t aircache_activate(aircache_math_params* p) {
  AIRCACHE_ENTER(p);
  return check(c, run_activate(p->dst, p->function, c->stream), "applying an activation");
}

int32_t aircache_gated_silu(aircache_math_params* p) {
  AIRCACHE_ENTER(p);
  return check(c, run_gated_silu(p->dst, p->x, c->stream), "gating");
}
