#include "cublaslt.h"

#include <dlfcn.h>

#include "library.h"

namespace aircache {

static const char kName[] = "libcublasLt.so.13";

bool CublasLt::open(std::string* error) {
  void* library = open_library(kName, error);
  if (!library) {
    *error = std::string(kName) + " was not found (" + *error + "): install cuBLAS of CUDA 13, or name its folder in AIRCACHE_LIBRARY_PATH";
    return false;
  }
  bool whole = true;
  const auto find = [&](auto& f, const char* name) {
    f = reinterpret_cast<std::remove_reference_t<decltype(f)>>(dlsym(library, name));
    if (!f && whole) *error = std::string(kName) + " has no " + name, whole = false;
  };
  find(version, "cublasLtGetVersion");
  find(create, "cublasLtCreate");
  find(destroy, "cublasLtDestroy");
  find(operation_create, "cublasLtMatmulDescCreate");
  find(operation_set, "cublasLtMatmulDescSetAttribute");
  find(operation_destroy, "cublasLtMatmulDescDestroy");
  find(layout_create, "cublasLtMatrixLayoutCreate");
  find(layout_destroy, "cublasLtMatrixLayoutDestroy");
  find(preference_create, "cublasLtMatmulPreferenceCreate");
  find(preference_set, "cublasLtMatmulPreferenceSetAttribute");
  find(preference_destroy, "cublasLtMatmulPreferenceDestroy");
  find(heuristic, "cublasLtMatmulAlgoGetHeuristic");
  find(matmul, "cublasLtMatmul");
  if (whole) error->clear();
  return whole;
}

}  // namespace aircache
