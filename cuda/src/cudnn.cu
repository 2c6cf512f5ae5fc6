#include "cudnn.h"

#include "library.h"

namespace aircache {

bool Cudnn::open(std::string* error) {
  Library library("libcudnn.so.9");
  library.find(version, "cudnnGetVersion");
  library.find(create, "cudnnCreate");
  library.find(destroy, "cudnnDestroy");
  library.find(set_stream, "cudnnSetStream");
  library.find(descriptor_create, "cudnnBackendCreateDescriptor");
  library.find(descriptor_destroy, "cudnnBackendDestroyDescriptor");
  library.find(finalize, "cudnnBackendFinalize");
  library.find(set, "cudnnBackendSetAttribute");
  library.find(get, "cudnnBackendGetAttribute");
  library.find(execute, "cudnnBackendExecute");
  *error = library.error();
  return library.whole();
}

}  // namespace aircache
