#include "fault.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <unordered_map>

namespace simt {

static const char* given(const char* name) {
  const char* all = std::getenv("AIRCACHE_SIMT_FAULT");
  const size_t n = std::strlen(name);
  return all && std::strncmp(all, name, n) == 0 && all[n] == '=' ? all + n + 1 : nullptr;
}

int fault(const char* name, int usual) {
  const char* value = given(name);
  return value ? std::atoi(value) : usual;
}

cudaError_t died() {
  static const char* const file = given("dies");
  static bool dead = false;
  if (file && !dead) dead = access(file, F_OK) == 0;
  return dead ? cudaErrorIllegalAddress : cudaSuccess;
}

static std::mutex counting;
static std::unordered_map<void*, size_t> sizes;
static size_t held = 0;

size_t memory_total() { return size_t(fault("memory", 8 << 10)) << 20; }

size_t memory_free() {
  const std::lock_guard<std::mutex> lock(counting);
  return held < memory_total() ? memory_total() - held : 0;
}

cudaError_t allocate(void** p, size_t n) {
  if (died() != cudaSuccess) return died();
  const std::lock_guard<std::mutex> lock(counting);
  const size_t size = (n + 255) / 256 * 256 + 256;
  *p = held + size > memory_total() ? nullptr : std::aligned_alloc(256, size);
  if (!*p) return cudaErrorMemoryAllocation;
  held += sizes[*p] = size;
  return cudaSuccess;
}

cudaError_t release(void* p) {
  const std::lock_guard<std::mutex> lock(counting);
  const auto found = sizes.find(p);
  if (found != sizes.end()) held -= found->second, sizes.erase(found);
  std::free(p);
  return died();
}

}  // namespace simt
