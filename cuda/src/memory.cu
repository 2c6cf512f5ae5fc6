// Memory, and values on their way between host and device: through two pinned blocks, so that one is filled while the other travels.
#include <string.h>

#include "context.h"
#include "elementwise.h"

namespace aircache {

constexpr size_t kBounce = 4 << 20;

static int32_t open_bounce(aircache_context* c) {
  for (HostBlock& b : c->bounce) AIRCACHE_TRY(grow(c, &b, kBounce, "allocating pinned memory"));
  return grow(c, &c->unconverted, kBounce, "allocating memory for conversions");
}

static int32_t check_copy(aircache_context* c, const aircache_copy_params* p) {
  if (c->capturing) return fail(c, AIRCACHE_ARGUMENT, "copying values: a graph is being captured");
  if (!p->matrix.data || !p->host || (p->matrix.type != AIRCACHE_F32 && p->matrix.type != AIRCACHE_BF16)) {
    return fail(c, AIRCACHE_ARGUMENT, "copying values: a matrix or the host's values are missing, or of unknown type %d", p->matrix.type);
  }
  return open_bounce(c);
}

}  // namespace aircache

using namespace aircache;

int32_t aircache_alloc(aircache_memory_params* p) {
  AIRCACHE_ENTER(p);
  p->data = nullptr;
  if (p->bytes <= 0 || c->capturing) return fail(c, AIRCACHE_ARGUMENT, "allocating %lld bytes%s", (long long)p->bytes, c->capturing ? ": a graph is being captured" : "");
  const cudaError_t e = cudaMallocAsync(&p->data, size_t(p->bytes), c->stream);
  if (e == cudaErrorMemoryAllocation) return no_memory(c, size_t(p->bytes), "");
  AIRCACHE_TRY(check(c, e, "allocating memory"));
  return check(c, cudaMemsetAsync(p->data, 0, size_t(p->bytes), c->stream), "clearing memory");
}

int32_t aircache_free(aircache_memory_params* p) {
  AIRCACHE_ENTER(p);
  c->linear.forget();
  return p->data ? check(c, cudaFreeAsync(p->data, c->stream), "freeing memory") : int32_t(AIRCACHE_OK);
}

int32_t aircache_memory_free(aircache_memory_params* p) {
  AIRCACHE_ENTER(p);
  size_t free = 0, total = 0;
  AIRCACHE_TRY(check(c, cudaMemGetInfo(&free, &total), "asking for the memory"));
  p->bytes = int64_t(free);
  return AIRCACHE_OK;
}

int32_t aircache_write(aircache_copy_params* p) {
  AIRCACHE_ENTER(p);
  AIRCACHE_TRY(check_copy(c, p));
  const size_t in = value_bytes(p->host_type), out = value_bytes(p->matrix.type), at_once = kBounce / 4;
  const bool same = p->host_type == p->matrix.type;
  const char* from = static_cast<const char*>(p->host);
  char* to = static_cast<char*>(p->matrix.data);
  int turn = 0;
  for (size_t left = size_t(count(p->matrix)); left > 0; turn ^= 1) {
    const size_t n = left < at_once ? left : at_once;
    AIRCACHE_TRY(check(c, cudaEventSynchronize(c->bounced[turn]), "waiting for a copy"));
    memcpy(c->bounce[turn].data, from, n * in);
    void* landing = same ? to : c->unconverted.data;
    AIRCACHE_TRY(check(c, cudaMemcpyAsync(landing, c->bounce[turn].data, n * in, cudaMemcpyHostToDevice, c->stream), "copying to the device"));
    AIRCACHE_TRY(check(c, cudaEventRecord(c->bounced[turn], c->stream), "copying to the device"));
    if (!same) AIRCACHE_TRY(check(c, run_convert(to, p->matrix.type, landing, p->host_type, int64_t(n), c->stream), "converting values"));
    left -= n, from += n * in, to += n * out;
  }
  if (same || count(p->matrix) == 0) return AIRCACHE_OK;
  // Kernels that start early read weights before they wait. None starts before what is no kernel has ended.
  return check(c, cudaMemsetAsync(c->unconverted.data, 0, 4, c->stream), "ending a copy to the device");
}

int32_t aircache_read(aircache_copy_params* p) {
  AIRCACHE_ENTER(p);
  AIRCACHE_TRY(check_copy(c, p));
  if (p->host_type != AIRCACHE_F32) return fail(c, AIRCACHE_ARGUMENT, "reading values as type %d: float32 only", p->host_type);
  const size_t at_once = kBounce / 4;
  const char* from = static_cast<const char*>(p->matrix.data);
  float* to = static_cast<float*>(p->host);
  for (size_t left = size_t(count(p->matrix)); left > 0;) {
    const size_t n = left < at_once ? left : at_once;
    const void* ready = from;
    if (p->matrix.type != AIRCACHE_F32) {
      AIRCACHE_TRY(check(c, run_convert(c->unconverted.data, AIRCACHE_F32, from, p->matrix.type, int64_t(n), c->stream), "converting values"));
      ready = c->unconverted.data;
    }
    AIRCACHE_TRY(check(c, cudaMemcpyAsync(c->bounce[0].data, ready, n * 4, cudaMemcpyDeviceToHost, c->stream), "copying to the host"));
    AIRCACHE_TRY(check(c, cudaStreamSynchronize(c->stream), "copying to the host"));
    memcpy(to, c->bounce[0].data, n * 4);
    left -= n, from += n * value_bytes(p->matrix.type), to += n;
  }
  return AIRCACHE_OK;
}

// Pages lie anywhere in the pool: each is a copy of its own, to or from its place in a pinned block, and the blocks take turns. A block
// takes 4 MiB, so 128 pages of 32 KiB; a copy of one takes less time on its way than its start takes the host.
struct PageCopy {
  char *pool, *host;
  size_t bytes;    // of a page
  int32_t at_once; // pages in a block
};

static int32_t begin_pages(aircache_context* c, const aircache_pages_params* p, PageCopy* copy) {
  if (c->capturing || !c->pool.pages || p->pages < 0) return fail(c, AIRCACHE_ARGUMENT, "moving %d pages: there is no pool, or a graph is being captured", p->pages);
  for (int32_t i = 0; i < p->pages; i++) {
    if (p->page[i] < 0 || p->page[i] >= c->pool.count) return fail(c, AIRCACHE_ARGUMENT, "moving pages: page %d is outside of the pool's %d", p->page[i], c->pool.count);
  }
  const Heads h = c->pool.heads;
  copy->pool = reinterpret_cast<char*>(c->pool.pages), copy->host = static_cast<char*>(p->host);
  copy->bytes = size_t(2) * kPageTokens * h.kv * h.dim * sizeof(bf16);
  copy->at_once = int32_t(kBounce / copy->bytes);
  if (copy->at_once < 1) return fail(c, AIRCACHE_ARGUMENT, "moving pages of %zu bytes: at most %zu are possible", copy->bytes, kBounce);
  return open_bounce(c);
}

int32_t aircache_read_pages(aircache_pages_params* p) {
  AIRCACHE_ENTER(p);
  PageCopy copy;
  AIRCACHE_TRY(begin_pages(c, p, &copy));
  int32_t landed = 0, turn = 0;
  const auto land = [&](int block, int32_t upto) {
    AIRCACHE_TRY(check(c, cudaEventSynchronize(c->bounced[block]), "waiting for pages"));
    memcpy(copy.host + size_t(landed) * copy.bytes, c->bounce[block].data, size_t(upto - landed) * copy.bytes);
    landed = upto;
    return int32_t(AIRCACHE_OK);
  };
  for (int32_t from = 0; from < p->pages; turn ^= 1) {
    const int32_t to = from + copy.at_once < p->pages ? from + copy.at_once : p->pages;
    char* block = static_cast<char*>(c->bounce[turn].data);
    AIRCACHE_TRY(check(c, cudaEventSynchronize(c->bounced[turn]), "waiting for a copy"));
    for (int32_t i = from; i < to; i++) {
      AIRCACHE_TRY(check(c, cudaMemcpyAsync(block + size_t(i - from) * copy.bytes, copy.pool + size_t(p->page[i]) * copy.bytes, copy.bytes, cudaMemcpyDeviceToHost, c->stream), "copying pages to the host"));
    }
    AIRCACHE_TRY(check(c, cudaEventRecord(c->bounced[turn], c->stream), "copying pages to the host"));
    if (landed < from) AIRCACHE_TRY(land(turn ^ 1, from));
    from = to;
  }
  return landed < p->pages ? land(turn ^ 1, p->pages) : int32_t(AIRCACHE_OK);
}

int32_t aircache_write_pages(aircache_pages_params* p) {
  AIRCACHE_ENTER(p);
  PageCopy copy;
  AIRCACHE_TRY(begin_pages(c, p, &copy));
  int turn = 0;
  for (int32_t from = 0; from < p->pages; turn ^= 1) {
    const int32_t to = from + copy.at_once < p->pages ? from + copy.at_once : p->pages;
    char* block = static_cast<char*>(c->bounce[turn].data);
    AIRCACHE_TRY(check(c, cudaEventSynchronize(c->bounced[turn]), "waiting for a copy"));
    memcpy(block, copy.host + size_t(from) * copy.bytes, size_t(to - from) * copy.bytes);
    for (int32_t i = from; i < to; i++) {
      AIRCACHE_TRY(check(c, cudaMemcpyAsync(copy.pool + size_t(p->page[i]) * copy.bytes, block + size_t(i - from) * copy.bytes, copy.bytes, cudaMemcpyHostToDevice, c->stream), "copying pages to the device"));
    }
    AIRCACHE_TRY(check(c, cudaEventRecord(c->bounced[turn], c->stream), "copying pages to the device"));
    from = to;
  }
  return AIRCACHE_OK;
}
