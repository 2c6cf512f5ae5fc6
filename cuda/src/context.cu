#include "context.h"

#include <stdio.h>
#include <string.h>

#include <new>

#include "elementwise.h"

namespace aircache {

int32_t fail(aircache_context* c, int32_t code, const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (!c->broken) c->error = text;  // the first failure of a device explains the later ones
  if (code == AIRCACHE_DEVICE) c->broken = true;
  return code;
}

int32_t check(aircache_context* c, cudaError_t e, const char* doing) {
  if (e == cudaSuccess) return AIRCACHE_OK;
  const char* text = cudaGetErrorString(e);
  switch (e) {
    case cudaErrorInvalidValue:
    case cudaErrorInvalidConfiguration:
    case cudaErrorNotSupported:
    case cudaErrorStreamCaptureUnsupported:
    case cudaErrorStreamCaptureInvalidated:
    case cudaErrorStreamCaptureImplicit:
      cudaGetLastError();
      return fail(c, AIRCACHE_ARGUMENT, "%s: %s", doing, text);
    case cudaErrorMemoryAllocation:
      cudaGetLastError();
      return fail(c, AIRCACHE_MEMORY, "%s: %s", doing, text);
    default:
      return fail(c, AIRCACHE_DEVICE, "%s: %s (CUDA error %d)", doing, text, int(e));
  }
}

int32_t no_memory(aircache_context* c, size_t bytes, const char* doing) {
  size_t free = 0, total = 0;
  cudaGetLastError();
  cudaMemGetInfo(&free, &total);
  const double gib = 1 << 30;
  return fail(c, AIRCACHE_MEMORY, "%s%s%.3f GiB are needed, %.3f of %.1f GiB are free on the GPU", doing, *doing ? ": " : "", bytes / gib, free / gib, total / gib);
}

int32_t enter(aircache_context* c, uint32_t size, size_t want) {
  if (!c) return AIRCACHE_ARGUMENT;
  if (c->broken) return AIRCACHE_DEVICE;
  if (size != want) return fail(c, AIRCACHE_ARGUMENT, "params have %u bytes, %zu wanted: the library and its caller are of different versions", size, want);
  return check(c, cudaSetDevice(c->device), "taking the device");
}

static size_t grown(size_t have, size_t bytes) {
  const size_t more = have + have / 2;
  return ((bytes > more ? bytes : more) + 4095) / 4096 * 4096;
}

int32_t grow(aircache_context* c, HostBlock* block, size_t bytes, const char* what) {
  if (bytes <= block->size) return AIRCACHE_OK;
  const size_t size = grown(block->size, bytes);
  if (block->data) AIRCACHE_TRY(check(c, cudaFreeHost(block->data), what));
  *block = HostBlock();
  AIRCACHE_TRY(check(c, cudaMallocHost(reinterpret_cast<void**>(&block->data), size), what));
  block->size = size;
  return AIRCACHE_OK;
}

int32_t grow(aircache_context* c, DeviceBlock* block, size_t bytes, const char* what) {
  if (bytes <= block->size) return AIRCACHE_OK;
  if (c->capturing) return fail(c, AIRCACHE_ARGUMENT, "%s: %zu bytes are not there yet, and a graph is being captured", what, bytes);
  const size_t size = grown(block->size, bytes);
  AIRCACHE_TRY(check(c, cudaStreamSynchronize(c->stream), what));
  if (block->data) AIRCACHE_TRY(check(c, cudaFree(block->data), what));
  *block = DeviceBlock();
  const cudaError_t e = cudaMalloc(reinterpret_cast<void**>(&block->data), size);
  if (e == cudaErrorMemoryAllocation) return no_memory(c, size, what);
  AIRCACHE_TRY(check(c, e, what));
  block->size = size;
  return AIRCACHE_OK;
}

int32_t scratch(aircache_context* c, size_t bytes, void** data) {
  AIRCACHE_TRY(grow(c, &c->scratch, bytes, "taking scratch memory"));
  *data = c->scratch.data;
  return AIRCACHE_OK;
}

// find_device fills the parts of the params that describe the GPU; it says need and have where this one will not do.
static int32_t find_device(aircache_context* c, aircache_open_params* p) {
  int driver = 0, devices = 0;
  cudaDriverGetVersion(&driver);
  p->driver = driver;
  if (driver == 0) return fail(c, AIRCACHE_MISSING, "there is no NVIDIA driver on this machine");
  if (driver < CUDART_VERSION / 1000 * 1000) {
    return fail(c, AIRCACHE_MISSING, "the NVIDIA driver offers CUDA %d.%d, CUDA %d.0 is needed: update the driver", driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000);
  }
  const cudaError_t e = cudaGetDeviceCount(&devices);
  if (e != cudaSuccess || devices == 0) return fail(c, AIRCACHE_MISSING, "the driver shows no GPU: %s", cudaGetErrorString(e));
  if (p->device < 0 || p->device >= devices) return fail(c, AIRCACHE_MISSING, "GPU %d is wanted, there are %d (counted from 0)", p->device, devices);
  c->device = p->device;
  AIRCACHE_TRY(check(c, cudaSetDevice(c->device), "taking the device"));
  AIRCACHE_TRY(check(c, cudaGetDeviceProperties(&c->properties, c->device), "asking for the GPU's properties"));
  snprintf(p->name, sizeof p->name, "%s", c->properties.name);
  p->capability = c->properties.major * 10 + c->properties.minor;
  p->multiprocessors = c->properties.multiProcessorCount;
  if (p->capability < 80) return fail(c, AIRCACHE_MISSING, "%s has compute capability %d.%d, 8.0 is needed", p->name, c->properties.major, c->properties.minor);
  return AIRCACHE_OK;
}

// prove runs a kernel: a library that was not built for this GPU shows here, not in the first step.
static int32_t prove(aircache_context* c, aircache_open_params* p) {
  const aircache_matrix probe{c->last_token, 1, 8, AIRCACHE_F32, 0};
  const cudaError_t e = run_activate(probe, 0, c->stream);
  if (e == cudaErrorNoKernelImageForDevice || e == cudaErrorUnsupportedPtxVersion || e == cudaErrorInvalidDeviceFunction) {
    return fail(c, AIRCACHE_MISSING, "the library was not built for %s (compute capability %d.%d)", p->name, c->properties.major, c->properties.minor);
  }
  AIRCACHE_TRY(check(c, e, "running a first kernel"));
  AIRCACHE_TRY(check(c, cudaMemsetAsync(c->last_token, 0, AIRCACHE_SLOTS * sizeof(int), c->stream), "clearing the slots"));
  return check(c, cudaStreamSynchronize(c->stream), "running a first kernel");
}

// keep_freed lets the allocator hold what was freed: a steady server asks the driver for nothing.
static cudaError_t keep_freed(int device) {
  cudaMemPool_t pool;
  uint64_t all = UINT64_MAX;
  const cudaError_t e = cudaDeviceGetDefaultMemPool(&pool, device);
  return e == cudaSuccess ? cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &all) : e;
}

static int32_t open_context(aircache_context* c, aircache_open_params* p) {
  AIRCACHE_TRY(find_device(c, p));
  AIRCACHE_TRY(check(c, cudaStreamCreateWithFlags(&c->stream, cudaStreamNonBlocking), "creating a stream"));
  AIRCACHE_TRY(check(c, cudaStreamCreateWithFlags(&c->beside, cudaStreamNonBlocking), "creating a stream"));
  for (cudaEvent_t* e : {&c->forked, &c->joined}) AIRCACHE_TRY(check(c, cudaEventCreateWithFlags(e, cudaEventDisableTiming), "creating an event"));
  AIRCACHE_TRY(check(c, keep_freed(c->device), "setting up the allocator"));
  AIRCACHE_TRY(check(c, cudaMalloc(reinterpret_cast<void**>(&c->last_token), AIRCACHE_SLOTS * sizeof(int)), "allocating the slots"));
  AIRCACHE_TRY(check(c, cudaMemsetAsync(c->last_token, 0, AIRCACHE_SLOTS * sizeof(int), c->stream), "clearing the slots"));
  for (int i = 0; i < 2; i++) AIRCACHE_TRY(check(c, cudaEventCreateWithFlags(&c->bounced[i], cudaEventDisableTiming), "creating an event"));
  for (Staged& s : c->staged) AIRCACHE_TRY(check(c, cudaEventCreateWithFlags(&s.copied, cudaEventDisableTiming), "creating an event"));
  for (Choices& s : c->sampled) AIRCACHE_TRY(check(c, cudaEventCreateWithFlags(&s.here, cudaEventDisableTiming), "creating an event"));
  AIRCACHE_TRY(prove(c, p));
#ifdef __CUDACC__
  std::string missing;
  if (!c->linear.open(&missing)) return fail(c, AIRCACHE_MISSING, "%s", missing.c_str());
  c->fused.open(&missing);  // without it, attention is ours
#endif
  p->cudnn = c->fused.version();
  p->cublaslt = c->linear.version();
  size_t free = 0, total = 0;
  AIRCACHE_TRY(check(c, cudaMemGetInfo(&free, &total), "asking for the memory"));
  p->memory_free = int64_t(free), p->memory_total = int64_t(total);
  return AIRCACHE_OK;
}

}  // namespace aircache

using namespace aircache;

int32_t aircache_abi(void) { return AIRCACHE_ABI; }

int32_t aircache_open(aircache_open_params* p) {
  if (!p || p->size != sizeof *p) return AIRCACHE_ARGUMENT;
  p->context = new (std::nothrow) aircache_context;
  if (!p->context) return AIRCACHE_MEMORY;
  return open_context(p->context, p);
}

int32_t aircache_close(aircache_context_params* p) {
  if (!p || p->size != sizeof *p || !p->context) return AIRCACHE_ARGUMENT;
  aircache_context* c = p->context;
  cudaSetDevice(c->device);
  if (c->stream) cudaStreamSynchronize(c->stream);
  for (char* block : {c->unconverted.data, c->scratch.data, c->packed.data, c->choices.data, c->picture_room.data, c->pool.work_memory.data}) cudaFree(block);
  cudaFree(c->pool.pages);
  cudaFree(c->last_token);
  c->pictures.close();
  for (int i = 0; i < 2; i++) {
    cudaFreeHost(c->bounce[i].data);
    if (c->bounced[i]) cudaEventDestroy(c->bounced[i]);
  }
  for (int i = 0; i < AIRCACHE_BATCHES; i++) {
    cudaFreeHost(c->staged[i].packed.data);
    cudaFreeHost(c->sampled[i].list.data);
    cudaFreeHost(c->compressed[i].lists.data);
    cudaFreeHost(c->compressed[i].results.data);
    for (cudaEvent_t event : {c->staged[i].copied, c->sampled[i].here, c->compressed[i].here})
      if (event) cudaEventDestroy(event);
  }
  for (cudaEvent_t event : {c->forked, c->joined})
    if (event) cudaEventDestroy(event);
  if (c->beside) cudaStreamDestroy(c->beside);
  cudaStream_t stream = c->stream;
  delete c;
  if (stream) cudaStreamDestroy(stream);
  return AIRCACHE_OK;
}

int32_t aircache_sync(aircache_context_params* p) {
  AIRCACHE_ENTER(p);
  AIRCACHE_TRY(check(c, cudaStreamSynchronize(c->stream), "waiting for the device"));
  return check(c, cudaGetLastError(), "waiting for the device");
}

int32_t aircache_error(aircache_error_params* p) {
  if (!p || p->size != sizeof *p || !p->context || !p->text || p->capacity < 1) return AIRCACHE_ARGUMENT;
  snprintf(p->text, size_t(p->capacity), "%s", p->context->error.c_str());
  return AIRCACHE_OK;
}
