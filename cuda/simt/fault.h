// Faults of the simulated device, so that tests see how each is told. AIRCACHE_SIMT_FAULT has one of
//
//   driver=12080      the driver's version; 0: there is no driver
//   gpus=0            how many there are
//   capability=75     the GPU's compute capability
//   memory=64         MiB that the GPU has
//   dies=FILE         once that file is there every call fails, as after an access to an illegal address
#pragma once

#include <cuda_runtime.h>

namespace simt {

// fault is the value that the environment gives to this name, or what is usual.
int fault(const char* name, int usual);

// died is cudaSuccess, or the error of a device that has failed for good.
cudaError_t died();

// allocate and release count what the device holds.
cudaError_t allocate(void** p, size_t n);
cudaError_t release(void* p);
size_t memory_total();
size_t memory_free();

}  // namespace simt
