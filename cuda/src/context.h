// What stands behind the C interface: one device, one stream, the memory that calls share.
#pragma once

#include <stdarg.h>

#include <string>
#include <vector>

#include "../kernels/pages.cuh"
#include "attend_decode.h"
#include "cudnn_fused.h"
#include "linear.h"
#include "ring.h"

namespace aircache {

// HostBlock is pinned memory; DeviceBlock is its like on the device. They grow by half at least, and only between steps.
struct HostBlock {
  char* data = nullptr;
  size_t size = 0;
};
struct DeviceBlock {
  char* data = nullptr;
  size_t size = 0;
};

// Staged is a step on its way to the device.
struct Staged {
  HostBlock packed;
  cudaEvent_t copied = nullptr;
};

// Choices are those of one of the batches sampled last, on the host.
struct Choices {
  HostBlock list;  // [sequences] of aircache_choice
  cudaEvent_t here = nullptr;
  int batch = 0, sequences = 0;
};

// Step is the batch staged last, on the device.
struct Step {
  Batch batch = {};
  const int* token = nullptr;
  const int* position = nullptr;
  const int* slot = nullptr;
  const aircache_draw* draw = nullptr;
  int most_rows = 0;  // of a sequence
  const int* host_cached = nullptr;  // cached and table on the host, until the step's place is staged anew
  const int* host_table = nullptr;
};

// Compressed is a compression on its way, or what it decided.
struct Compressed {
  HostBlock lists, results;
  cudaEvent_t here = nullptr;
  int ticket = 0, layers = 0, visual = 0;
};

struct Pool {
  bf16* pages = nullptr;
  int count = 0, layers = 0, sequences = 0, rows = 0;
  Heads heads = {};
  DecodeWork work = {};
  DeviceBlock work_memory;
};

}  // namespace aircache

struct aircache_context {
  int device = 0;
  cudaStream_t stream = nullptr;
  cudaStream_t beside = nullptr;  // for work of one call that needs not wait for the rest of it
  cudaEvent_t forked = nullptr, joined = nullptr;
  cudaDeviceProp properties = {};
  aircache::Linear linear;
  aircache::FusedAttention fused;

  std::string error;
  bool broken = false;
  bool capturing = false, captured_sample = false;

  aircache::HostBlock bounce[2];  // for values on their way
  cudaEvent_t bounced[2] = {};
  aircache::DeviceBlock unconverted;
  aircache::DeviceBlock scratch;  // of one call
  aircache::PinnedRing pictures;  // on their way
  aircache::DeviceBlock picture_room;  // of one picture

  aircache::Pool pool;
  aircache::Staged staged[AIRCACHE_BATCHES];
  aircache::Choices sampled[AIRCACHE_BATCHES];
  aircache::DeviceBlock packed, choices;
  aircache::Step step;
  aircache::Compressed compressed[AIRCACHE_BATCHES];
  int compressions = 0;
  int batches = 0;  // begun so far; the last one is the step
  unsigned samples = 0;
  uint64_t generation = 1;  // of the addresses that graphs hold
  int* last_token = nullptr;  // [AIRCACHE_SLOTS]
};

namespace aircache {

// fail notes a text and returns the code; a device's failure stays.
int32_t fail(aircache_context* c, int32_t code, const char* format, ...) __attribute__((format(printf, 3, 4)));

// check turns what the runtime or a launcher returned into a code.
int32_t check(aircache_context* c, cudaError_t e, const char* doing);

// no_memory fails with what is needed and what is there.
int32_t no_memory(aircache_context* c, size_t bytes, const char* doing);

// enter is the head of every call: it tests the params' size and the context, and takes the device.
int32_t enter(aircache_context* c, uint32_t size, size_t want);

// scratch gives memory for one call, good until the next; needs no waiting where it is large enough.
int32_t scratch(aircache_context* c, size_t bytes, void** data);
int32_t grow(aircache_context* c, HostBlock* block, size_t bytes, const char* what);
int32_t grow(aircache_context* c, DeviceBlock* block, size_t bytes, const char* what);

// upload brings a list to the device; to is aligned for the next one.
template <class T>
cudaError_t upload(aircache_context* c, char** at, const T* list, size_t n, const T** to) {
  *to = reinterpret_cast<const T*>(*at);
  *at += (n * sizeof(T) + 255) / 256 * 256;
  return n == 0 ? cudaSuccess : cudaMemcpyAsync(const_cast<T*>(*to), list, n * sizeof(T), cudaMemcpyHostToDevice, c->stream);
}
inline size_t uploaded_bytes(size_t n, size_t size) { return (n * size + 255) / 256 * 256; }

// keep_choices brings the choices of the batch staged last to the host, behind the kernel that wrote them.
int32_t keep_choices(aircache_context* c);

inline Heads heads_of(const aircache_heads& h) { return Heads{h.query, h.kv, h.dim}; }

}  // namespace aircache

// AIRCACHE_ENTER begins an entry point; it leaves the context in c.
#define AIRCACHE_ENTER(p)                                                                       \
  aircache_context* c = (p) ? (p)->context : nullptr;                                           \
  if (const int32_t entered = ::aircache::enter(c, (p) ? (p)->size : 0, sizeof *(p)); entered) return entered

#define AIRCACHE_TRY(call) \
  if (const int32_t tried = (call); tried != AIRCACHE_OK) return tried
