#pragma once

#include <string>

namespace aircache {

// Library is one of NVIDIA's, opened at run time: where the loader looks, then in the folders of AIRCACHE_LIBRARY_PATH, then where the
// toolkit puts it. It stays open.
class Library {
 public:
  explicit Library(const char* name);

  // find sets f to the function of a name.
  template <class F>
  void find(F*& f, const char* name) {
    f = reinterpret_cast<F*>(symbol(name));
  }

  bool there() const { return handle_ != nullptr; }
  bool whole() const { return error_.empty(); }
  // error is what the loader said first, or the first function that was not found.
  const std::string& error() const { return error_; }

 private:
  void* symbol(const char* name);

  const char* name_;
  void* handle_ = nullptr;
  std::string error_;
};

}  // namespace aircache
