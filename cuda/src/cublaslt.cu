#include "cublaslt.h"

#include <dlfcn.h>
#include <stdlib.h>

namespace aircache {

static const char kName[] = "libcublasLt.so.13";

// open_library looks where the loader looks, then in the folders of AIRCACHE_LIBRARY_PATH, then where the toolkit puts it.
static void* open_library(std::string* error) {
  std::string folders = ":";
  if (const char* given = getenv("AIRCACHE_LIBRARY_PATH")) folders += std::string(given) + ":";
  folders += "/usr/local/cuda/lib64:/usr/local/cuda-13.0/lib64:/usr/local/cuda/targets/x86_64-linux/lib:";
  size_t from = 0;
  for (size_t to = folders.find(':'); to != std::string::npos; from = to + 1, to = folders.find(':', from)) {
    const std::string folder = folders.substr(from, to - from);
    if (folder.empty() && from != 0) continue;
    if (void* library = dlopen((folder.empty() ? kName : folder + "/" + kName).c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
    if (error->empty()) *error = dlerror();
  }
  return nullptr;
}

bool CublasLt::open(std::string* error) {
  void* library = open_library(error);
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
