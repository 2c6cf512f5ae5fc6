#include "cudnn.h"

#include <dlfcn.h>

#include "library.h"

namespace aircache {

static const char kName[] = "libcudnn.so.9";

bool Cudnn::open(std::string* error) {
  void* library = open_library(kName, error);
  if (!library) {
    *error = std::string(kName) + " was not found (" + *error + ")";
    return false;
  }
  bool whole = true;
  const auto find = [&](auto& f, const char* name) {
    f = reinterpret_cast<std::remove_reference_t<decltype(f)>>(dlsym(library, name));
    if (!f && whole) *error = std::string(kName) + " has no " + name, whole = false;
  };
  find(version, "cudnnGetVersion");
  find(create, "cudnnCreate");
  find(destroy, "cudnnDestroy");
  find(set_stream, "cudnnSetStream");
  find(descriptor_create, "cudnnBackendCreateDescriptor");
  find(descriptor_destroy, "cudnnBackendDestroyDescriptor");
  find(finalize, "cudnnBackendFinalize");
  find(set, "cudnnBackendSetAttribute");
  find(get, "cudnnBackendGetAttribute");
  find(execute, "cudnnBackendExecute");
  if (whole) error->clear();
  return whole;
}

}  // namespace aircache
