// The part of cuDNN's graph interface that attention uses, declared here so that the library is opened when a context is, not linked,
// and so that its 370 MB package is not needed to compile. Names and values are NVIDIA's (cudnn_graph.h, cuDNN 9).
#pragma once

#include <cuda_runtime.h>
#include <stddef.h>
#include <stdint.h>

#include <string>

namespace aircache {

struct Cudnn {
  typedef void* Handle;
  typedef void* Descriptor;

  enum Kind {
    kPointwise = 0, kEngineConfig = 3, kHeuristics = 4, kPlan = 5, kPointwiseOperation = 13, kOperationGraph = 15, kVariantPack = 16, kTensor = 17,
    kMatmul = 18, kMatmulOperation = 19, kReduction = 21, kReductionOperation = 22, kPagedLoad = 35
  };
  enum Attribute {
    kPointwiseMode = 0, kPointwisePrecision = 1, kPointwiseAxis = 9,
    kHeuristicsMode = 200, kHeuristicsGraph = 201, kHeuristicsResults = 202,
    kPlanHandle = 400, kPlanConfig = 401, kPlanWorkspace = 402,
    kPointwiseDescriptor = 750, kPointwiseX = 751, kPointwiseB = 752, kPointwiseY = 753, kPointwiseT = 758,
    kGraphHandle = 800, kGraphOperations = 801,
    kTensorAlignment = 900, kTensorType = 901, kTensorDimensions = 902, kTensorStrides = 903, kTensorId = 906, kTensorVirtual = 907, kTensorByValue = 908, kTensorOffsets = 913,
    kPackIds = 1000, kPackPointers = 1001, kPackWorkspace = 1003,
    kMatmulPrecision = 1500, kMatmulA = 1520, kMatmulB = 1521, kMatmulC = 1522, kMatmulDescriptor = 1523, kMatmulM = 1525, kMatmulN = 1526, kMatmulK = 1527,
    kReductionMode = 1600, kReductionPrecision = 1601, kReductionX = 1610, kReductionY = 1611, kReductionDescriptor = 1612,
    kPagedContainer = 1950, kPagedY = 1951, kPagedLengths = 1952, kPagedTable = 1953
  };
  enum AttributeType {
    kHandleType = 0, kDataType = 1, kBooleanType = 2, kInt64Type = 3, kPointerType = 6, kHeuristicsModeType = 8, kPointwiseModeType = 14, kDescriptorType = 15,
    kReductionModeType = 18
  };
  enum Type { kFloat = 0, kInt32 = 4, kBFloat16 = 9, kBoolean = 11 };
  enum Operator { kAdd = 0, kMultiply = 1, kDivide = 6, kSubtract = 9, kExp = 13, kLog = 15, kGreaterEqual = 303, kLess = 304, kAnd = 400, kIndex = 501, kSelect = 601 };
  enum { kReduceAdd = 0, kReduceMax = 3, kHeuristicsA = 3 };

  size_t (*version)() = nullptr;
  int (*create)(Handle*);
  int (*destroy)(Handle);
  int (*set_stream)(Handle, cudaStream_t);
  int (*descriptor_create)(int kind, Descriptor*);
  int (*descriptor_destroy)(Descriptor);
  int (*finalize)(Descriptor);
  int (*set)(Descriptor, int attribute, int type, int64_t count, const void*);
  int (*get)(Descriptor, int attribute, int type, int64_t wanted, int64_t* got, void*);
  int (*execute)(Handle, Descriptor plan, Descriptor pack);

  // open says in error what is missing.
  bool open(std::string* error);
};

}  // namespace aircache
