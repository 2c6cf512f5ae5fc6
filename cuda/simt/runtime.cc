// The part of the CUDA runtime that the library, its launchers and tests call: device memory is host memory, a stream does at once
// what it is given, and a graph is the list of what it was given. fault.h lists what can go wrong.
#include <cuda_runtime.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "fault.h"
#include "simt.h"

namespace simt {

static std::vector<std::function<void()>>* recording;

cudaError_t queue(std::function<void()> work) {
  if (died() != cudaSuccess) return died();
  if (recording) recording->push_back(std::move(work));
  else work();
  return cudaSuccess;
}

}  // namespace simt

struct CUgraph_st { std::vector<std::function<void()>> nodes; };
struct CUgraphExec_st { std::vector<std::function<void()>> nodes; };

extern "C" {
cudaError_t cudaMalloc(void** p, size_t n) { return simt::allocate(p, n); }
cudaError_t cudaFree(void* p) { return simt::release(p); }
cudaError_t cudaMallocAsync(void** p, size_t n, cudaStream_t) { return simt::allocate(p, n); }
cudaError_t cudaFreeAsync(void* p, cudaStream_t) { return simt::release(p); }
cudaError_t cudaMallocHost(void** p, size_t n) {
  *p = std::aligned_alloc(256, (n + 255) / 256 * 256 + 256);
  return *p ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t cudaFreeHost(void* p) { std::free(p); return cudaSuccess; }
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) { *free = simt::memory_free(), *total = simt::memory_total(); return simt::died(); }

cudaError_t cudaMemcpy(void* to, const void* from, size_t n, cudaMemcpyKind) { std::memcpy(to, from, n); return cudaSuccess; }
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t n, cudaMemcpyKind, cudaStream_t) { return simt::queue([=] { std::memcpy(to, from, n); }); }
cudaError_t cudaMemset(void* p, int v, size_t n) { std::memset(p, v, n); return cudaSuccess; }
cudaError_t cudaMemsetAsync(void* p, int v, size_t n, cudaStream_t) { return simt::queue([=] { std::memset(p, v, n); }); }

cudaError_t cudaGetDeviceCount(int* n) { *n = simt::fault("gpus", 1); return *n ? cudaSuccess : cudaErrorNoDevice; }
cudaError_t cudaGetDevice(int* d) { *d = 0; return cudaSuccess; }
cudaError_t cudaSetDevice(int d) { return d == 0 ? cudaSuccess : cudaErrorInvalidDevice; }
cudaError_t cudaDeviceGetAttribute(int* v, cudaDeviceAttr attribute, int) {
  *v = attribute == cudaDevAttrMaxSharedMemoryPerBlockOptin ? 232448 : attribute == cudaDevAttrComputeCapabilityMajor ? 9 : 3;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int) {
  std::memset(p, 0, sizeof *p);
  std::strcpy(p->name, "simulated GPU");
  const int capability = simt::fault("capability", 90);
  p->major = capability / 10, p->minor = capability % 10, p->multiProcessorCount = 3;
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* v) { *v = simt::fault("driver", CUDART_VERSION); return cudaSuccess; }
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* p, int) { *p = nullptr; return cudaSuccess; }
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) { return cudaSuccess; }
cudaError_t cudaDeviceSynchronize() { return simt::died(); }
cudaError_t cudaGetLastError() { return simt::died(); }
const char* cudaGetErrorString(cudaError_t e) {
  switch (e) {
    case cudaErrorIllegalAddress: return "an illegal memory access was encountered";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorNoDevice: return "no CUDA-capable device is detected";
    case cudaErrorInvalidValue: return "invalid argument";
    default: return "an error of the simulated device";
  }
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* s, unsigned) { *s = nullptr; return cudaSuccess; }
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return simt::died(); }
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return cudaSuccess; }
cudaError_t cudaEventCreate(cudaEvent_t* e) { *e = nullptr; return cudaSuccess; }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* e, unsigned) { *e = nullptr; return cudaSuccess; }
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return cudaSuccess; }
cudaError_t cudaEventSynchronize(cudaEvent_t) { return simt::died(); }
cudaError_t cudaEventQuery(cudaEvent_t) { return simt::died(); }
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t, cudaEvent_t) { *ms = 1; return cudaSuccess; }
cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }

cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) {
  if (simt::recording) return cudaErrorIllegalState;
  simt::recording = new std::vector<std::function<void()>>;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* g) {
  if (!simt::recording) return cudaErrorIllegalState;
  *g = new CUgraph_st{std::move(*simt::recording)};
  delete simt::recording;
  simt::recording = nullptr;
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* x, cudaGraph_t g, unsigned long long) { *x = new CUgraphExec_st{g->nodes}; return cudaSuccess; }
cudaError_t cudaGraphGetNodes(cudaGraph_t g, cudaGraphNode_t*, size_t* n) { *n = g->nodes.size(); return cudaSuccess; }
cudaError_t cudaGraphLaunch(cudaGraphExec_t x, cudaStream_t) {
  if (simt::died() != cudaSuccess) return simt::died();
  for (auto& node : x->nodes) node();
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t x) { delete x; return cudaSuccess; }
cudaError_t cudaGraphDestroy(cudaGraph_t g) { delete g; return cudaSuccess; }
}
