#include "library.h"

#include <dlfcn.h>
#include <stdlib.h>

namespace aircache {

void* open_library(const char* name, std::string* error) {
  std::string folders = ":";
  if (const char* given = getenv("AIRCACHE_LIBRARY_PATH")) folders += std::string(given) + ":";
  folders += "/usr/local/cuda/lib64:/usr/local/cuda-13.0/lib64:/usr/local/cuda/targets/x86_64-linux/lib:";
  size_t from = 0;
  for (size_t to = folders.find(':'); to != std::string::npos; from = to + 1, to = folders.find(':', from)) {
    const std::string folder = folders.substr(from, to - from);
    if (folder.empty() && from != 0) continue;
    if (void* library = dlopen((folder.empty() ? name : folder + "/" + name).c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
    if (error->empty()) *error = dlerror();
  }
  return nullptr;
}

}  // namespace aircache
