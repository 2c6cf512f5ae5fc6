// What the tests share: random values, buffers on the device that start as NaN, and comparison with a reference.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "../kernels/platform.cuh"

namespace aircache {

inline void require(cudaError_t e, const char* what, int line) {
  if (e == cudaSuccess) return;
  std::fprintf(stderr, "line %d: %s: %s\n", line, what, cudaGetErrorString(e));
  std::exit(2);
}
#define REQUIRE(call) ::aircache::require((call), #call, __LINE__)

// finish waits for the device and stops at the first error.
inline void finish() {
  REQUIRE(cudaGetLastError());
  REQUIRE(cudaDeviceSynchronize());
}

// Buffer is device memory; what is not written stays NaN (all bits set).
template <class T>
struct Buffer {
  T* data = nullptr;
  size_t size;

  explicit Buffer(size_t n) : size(n) {
    REQUIRE(cudaMalloc(reinterpret_cast<void**>(&data), n * sizeof(T) + 16));
    poison();
  }
  explicit Buffer(const std::vector<T>& values) : Buffer(values.size()) { write(values); }
  Buffer(const Buffer&) = delete;
  ~Buffer() { cudaFree(data); }

  void poison() { REQUIRE(cudaMemset(data, 0xff, size * sizeof(T))); }
  void clear() { REQUIRE(cudaMemset(data, 0, size * sizeof(T))); }
  void write(const std::vector<T>& values) { REQUIRE(cudaMemcpy(data, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice)); }
  std::vector<T> read() const {
    std::vector<T> values(size);
    REQUIRE(cudaMemcpy(values.data(), data, size * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }
};

// Random is another sequence in every run of the program, unless AIRCACHE_SEED says which; the seed is printed.
struct Random {
  std::mt19937_64 engine;

  Random() {
    const char* given = std::getenv("AIRCACHE_SEED");
    const uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::printf("AIRCACHE_SEED=%llu\n", static_cast<unsigned long long>(seed));
    engine.seed(seed);
  }
  int below(int n) { return int(engine() % uint64_t(n)); }
  float normal(float scale = 1) { return std::normal_distribution<float>(0, scale)(engine); }
  std::vector<bf16> normals(size_t n, float scale = 1) {
    std::vector<bf16> v(n);
    for (bf16& x : v) x = __float2bfloat16(normal(scale));
    return v;
  }
  std::vector<int> permutation(int n) {
    std::vector<int> v(n);
    for (int i = 0; i < n; i++) v[i] = i;
    std::shuffle(v.begin(), v.end(), engine);
    return v;
  }
};

// SmallGpu makes launchers believe that a block can have this much shared memory: they then take what GPUs under an H100 run.
struct SmallGpu {
  explicit SmallGpu(int bytes) { setenv("AIRCACHE_SHARED_MEMORY", std::to_string(bytes).c_str(), 1); }
  ~SmallGpu() { unsetenv("AIRCACHE_SHARED_MEMORY"); }
};

inline double value_of(bf16 v) { return __bfloat162float(v); }
inline double value_of(float v) { return v; }
inline double value_of(double v) { return v; }

// Verdict counts failures; a test's main returns it.
struct Verdict {
  int failures = 0, checks = 0;

  void fail(const std::string& what) {
    failures++;
    std::printf("FAIL %s\n", what.c_str());
  }

  // near: |got - want| / |want| over all values, NaN fails.
  template <class G, class W>
  void near(const std::string& what, const std::vector<G>& got, const std::vector<W>& want, double tolerance) {
    checks++;
    double off = 0, all = 0;
    for (size_t i = 0; i < want.size(); i++) {
      const double d = value_of(got[i]) - value_of(want[i]);
      off += d * d;
      all += value_of(want[i]) * value_of(want[i]);
    }
    const double error = std::sqrt(off) / std::sqrt(all > 0 ? all : 1);
    if (!(error <= tolerance)) fail(what + ": relative error " + std::to_string(error) + ", allowed " + std::to_string(tolerance));
  }

  // unwritten: everything from first on is as a Buffer is made.
  template <class T>
  void unwritten(const std::string& what, const std::vector<T>& got, size_t first) {
    checks++;
    for (size_t i = first; i < got.size(); i++)
      if (!std::isnan(value_of(got[i]))) return fail(what + ": value " + std::to_string(i) + " was written, " + std::to_string(first) + " were wanted");
  }

  template <class T>
  void same(const std::string& what, const std::vector<T>& got, const std::vector<T>& want) {
    checks++;
    if (got.size() != want.size()) return fail(what + ": " + std::to_string(got.size()) + " values, want " + std::to_string(want.size()));
    for (size_t i = 0; i < want.size(); i++)
      if (got[i] != want[i]) return fail(what + ": value " + std::to_string(i) + " is " + std::to_string(got[i]) + ", want " + std::to_string(want[i]));
  }

  int report(const char* name) const {
    std::printf("%s: %d checks, %d failures\n", name, checks, failures);
    return failures ? 1 : 0;
  }
};

}  // namespace aircache
