#include "cublaslt.h"

#include "library.h"

namespace aircache {

bool CublasLt::open(std::string* error) {
  Library library("libcublasLt.so.13");
  library.find(version, "cublasLtGetVersion");
  library.find(create, "cublasLtCreate");
  library.find(destroy, "cublasLtDestroy");
  library.find(operation_create, "cublasLtMatmulDescCreate");
  library.find(operation_set, "cublasLtMatmulDescSetAttribute");
  library.find(operation_destroy, "cublasLtMatmulDescDestroy");
  library.find(layout_create, "cublasLtMatrixLayoutCreate");
  library.find(layout_destroy, "cublasLtMatrixLayoutDestroy");
  library.find(preference_create, "cublasLtMatmulPreferenceCreate");
  library.find(preference_set, "cublasLtMatmulPreferenceSetAttribute");
  library.find(preference_destroy, "cublasLtMatmulPreferenceDestroy");
  library.find(heuristic, "cublasLtMatmulAlgoGetHeuristic");
  library.find(matmul, "cublasLtMatmul");
  *error = library.error();
  if (!library.there()) *error += ": install cuBLAS of CUDA 13, or name its folder in AIRCACHE_LIBRARY_PATH";
  return library.whole();
}

}  // namespace aircache
