// The part of cuBLASLt's interface that run_linear uses, declared here so that the library is opened when a context is, not
// linked, and so that its 400 MB package is not needed to compile. Names and values are NVIDIA's (cublasLt.h, CUDA 13.0).
#pragma once

#include <cuda_runtime.h>
#include <stddef.h>
#include <stdint.h>

#include <string>

namespace aircache {

struct CublasLt {
  typedef void* Handle;
  typedef void* Descriptor;  // of an operation, a layout or a preference

  struct Algorithm { uint64_t data[8]; };
  struct Heuristic {
    Algorithm algorithm;
    size_t workspace;
    int state;  // 0: usable
    float waves;
    int reserved[4];
  };

  enum { kCompute32F = 68, kTranspose = 1, kR32F = 0, kR16BF = 14 };
  enum OperationAttribute { kTransposeA = 3, kEpilogue = 7, kBiasPointer = 8, kBiasType = 26 };
  enum { kEpilogueBias = 4, kPreferMaxWorkspace = 1, kPreferReductions = 3 };
  enum : uint32_t { kReduceInFloat = 2 };  // of a product that is split: partial sums are never rounded to the result's type

  size_t (*version)();
  int (*create)(Handle*);
  int (*destroy)(Handle);
  int (*operation_create)(Descriptor*, int compute, int scale);
  int (*operation_set)(Descriptor, int attribute, const void*, size_t);
  int (*operation_destroy)(Descriptor);
  int (*layout_create)(Descriptor*, int type, uint64_t rows, uint64_t cols, int64_t leading);
  int (*layout_destroy)(Descriptor);
  int (*preference_create)(Descriptor*);
  int (*preference_set)(Descriptor, int attribute, const void*, size_t);
  int (*preference_destroy)(Descriptor);
  int (*heuristic)(Handle, Descriptor operation, Descriptor a, Descriptor b, Descriptor c, Descriptor d, Descriptor preference, int wanted, Heuristic*, int* got);
  int (*matmul)(Handle, Descriptor operation, const void* alpha, const void* a, Descriptor, const void* b, Descriptor, const void* beta, const void* c,
                Descriptor, void* d, Descriptor, const Algorithm*, void* workspace, size_t, cudaStream_t);

  // open says in error which names were tried, and what the loader said.
  bool open(std::string* error);
};

}  // namespace aircache
