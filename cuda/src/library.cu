#include "library.h"

#include <dlfcn.h>
#include <stdlib.h>

namespace aircache {

Library::Library(const char* name) : name_(name) {
  std::string folders = ":";
  if (const char* given = getenv("AIRCACHE_LIBRARY_PATH")) folders += std::string(given) + ":";
  folders += "/usr/local/cuda/lib64:/usr/local/cuda-13.0/lib64:/usr/local/cuda/targets/x86_64-linux/lib:";
  size_t from = 0;
  for (size_t to = folders.find(':'); to != std::string::npos && !handle_; from = to + 1, to = folders.find(':', from)) {
    const std::string folder = folders.substr(from, to - from);
    if (folder.empty() && from != 0) continue;
    handle_ = dlopen((folder.empty() ? name : folder + "/" + name).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle_ && error_.empty()) error_ = std::string(name) + " was not found (" + dlerror() + ")";
  }
  if (handle_) error_.clear();
}

void* Library::symbol(const char* name) {
  void* found = handle_ ? dlsym(handle_, name) : nullptr;
  if (!found && error_.empty()) error_ = std::string(name_) + " has no " + name;
  return found;
}

}  // namespace aircache
