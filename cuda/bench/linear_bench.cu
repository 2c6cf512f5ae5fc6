// The linears of LLaVA-OneVision-7B at few rows, by cuBLASLt's fastest algorithm and by linear_stream, each call on weights of its own;
// and decode steps of 28 layers over 883 cached rows a sequence, without embedding and sampling. What a read of all weights takes in
// the same run is the first case.
#include "../src/append.h"
#include "../src/attend_decode.h"
#include "../src/elementwise.h"
#include "../src/linear.h"
#include "../src/norm.h"
#include "bench.h"

using namespace aircache;

constexpr int kLayers = 28, kMostRows = 32, kHidden = 3584, kInner = 18944, kCached = 883;
constexpr Heads kHeads{28, 4, 128};

struct Shape {
  const char* name;
  int n, k;
  bool bias, add, exact;
  size_t weights() const { return size_t(n) * k; }
};
constexpr Shape kQKV{"qkv", 4608, kHidden, true, false, false}, kOut{"o", kHidden, kHidden, false, true, false}, kGateUp{"gate and up", 2 * kInner, kHidden, false, false, false},
    kDown{"down", kHidden, kInner, false, true, false}, kHead{"head", 152128, kHidden, false, false, true};
constexpr size_t kAll = kLayers * (size_t(4608 + kHidden + 2 * kInner) * kHidden + size_t(kHidden) * kInner) + size_t(152128) * kHidden;

static Matrix matrix(void* data, int rows, int cols, bool exact = false) { return {data, rows, cols, exact ? AIRCACHE_F32 : AIRCACHE_BF16, 0}; }

__global__ static void read_all(const uint4* at, size_t n, unsigned* out) {
  unsigned sum = 0;
  const size_t stride = size_t(gridDim.x) * blockDim.x;
  for (size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x; i + 7 * stride < n; i += 8 * stride) {
    uint4 v[8];
#pragma unroll
    for (int j = 0; j < 8; j++) v[j] = __ldcs(at + i + j * stride);
#pragma unroll
    for (int j = 0; j < 8; j++) sum += v[j].x ^ v[j].y ^ v[j].z ^ v[j].w;
  }
  if (sum == 0x12345) *out = sum;
}

// NoOverlap forbids kernels to start early while it lives.
struct NoOverlap {
  NoOverlap() { setenv("AIRCACHE_OVERLAP", "0", 1); }
  ~NoOverlap() { unsetenv("AIRCACHE_OVERLAP"); }
};

// Cache is 28 layers of cached rows.
struct Cache {
  Random random;
  Steps steps;
  Values pool;
  int blocks;
  Buffer<DecodeStart> start;
  Buffer<int> arrived;
  Buffer<float> partial, angles;

  static int grid() {
    int blocks;
    REQUIRE(decode_blocks(&blocks));
    return blocks;
  }
  explicit Cache(int sequences)
      : steps(std::vector<std::vector<int>>(kLayers, std::vector<int>(sequences, kCached)), 1, random),
        pool(size_t(steps.total_pages) * 2 * kHeads.kv * kPageTokens * kHeads.dim, 7), blocks(grid()), start(size_t(kLayers) * blocks), arrived(size_t(sequences) * kHeads.kv),
        partial(size_t(2) * blocks * decode_partial_floats(kHeads.dim)), angles(std::vector<float>(size_t(sequences) * kHeads.dim, 0.7f)) {
    arrived.clear();
    REQUIRE(plan_decode_step(steps.batch(), work(), kHeads.kv, nullptr));
    finish();
  }
  DecodeWork work() const { return {start.data, arrived.data, partial.data, blocks, 8}; }
  double bytes() const { return double(steps.total_pages) * 2 * kHeads.kv * kPageTokens * kHeads.dim * 2; }
};

struct Bench {
  Values weights{kAll, 1}, x{kMostRows * kInner, 2}, hidden{kMostRows * kHidden, 3}, bias{40000, 4};
  Buffer<bf16> normed{kMostRows * kHidden}, qkv{kMostRows * 4608}, attended{kMostRows * kHidden}, wide{size_t(kMostRows) * 2 * kInner}, gated{kMostRows * kInner};
  Buffer<float> logits{size_t(kMostRows) * 152128};
  int multiprocessors = 0;

  Bench() { REQUIRE(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, 0)); }

  Matrix operand(const Shape& s) const { return s.bias ? matrix(bias.data, 1, s.n) : Matrix{nullptr, 0, 0, AIRCACHE_BF16, 0}; }

  void multiply(Linear& linear, const Shape& s, int m, const bf16* from, void* to, const bf16* w, cudaStream_t stream) {
    cudaStreamCaptureStatus capturing;
    REQUIRE(cudaStreamIsCapturing(stream, &capturing));
    std::string why;
    REQUIRE(linear.run(matrix(to, m, s.n, s.exact), matrix(const_cast<bf16*>(from), m, s.k), matrix(const_cast<bf16*>(w), s.n, s.k), operand(s), s.add,
                       capturing == cudaStreamCaptureStatusNone, stream, &why));
    if (!why.empty()) std::printf("%s\n", why.c_str()), std::exit(2);
  }

  // each is the time of a call; call gets the weights.
  double each(const Shape& s, const std::function<void(const bf16*, cudaStream_t)>& call) {
    const int calls = std::max(6, int(300e6 / s.weights()));
    return microseconds([&](cudaStream_t stream) {
      for (int i = 0; i < calls; i++) call(weights.data + i * s.weights(), stream);
    }, 9) / calls;
  }

  void alone(Report& report, Linear& library, const Shape& s, int m) {
    const std::string name = std::string(s.name) + ", " + std::to_string(m) + (m == 1 ? " row, " : " rows, ");
    report.add(name + "cuBLASLt", each(s, [&](const bf16* w, cudaStream_t stream) { multiply(library, s, m, x.data, logits.data, w, stream); }), 2.0 * s.weights());
    report.add(name + "stream", each(s, [&](const bf16* w, cudaStream_t stream) {
      REQUIRE(run_linear_stream(matrix(logits.data, m, s.n, s.exact), matrix(x.data, m, s.k), matrix(const_cast<bf16*>(w), s.n, s.k), operand(s), s.add, multiprocessors, stream));
    }), 2.0 * s.weights());
  }

  double step(Cache& cache, Linear& linear, int m, size_t ahead) {
    return microseconds([&](cudaStream_t stream) {
      const bf16* w = weights.data;
      const auto times = [&](const Shape& s, const bf16* from, void* to) {
        multiply(linear, s, m, from, to, w, stream);
        w += s.weights();
      };
      const auto normalise = [&] { REQUIRE(run_rms_norm(matrix(normed.data, m, kHidden), matrix(hidden.data, m, kHidden), matrix(bias.data, 1, kHidden), 1e-6f, stream, linear.ahead(ahead))); };
      for (int layer = 0; layer < kLayers; layer++) {
        normalise();
        times(kQKV, normed.data, qkv.data);
        REQUIRE(run_append({qkv.data, cache.angles.data, cache.pool.data, cache.steps.batch(), layer, kHeads}, stream));
        REQUIRE(run_attend_decode({attended.data, qkv.data, cache.pool.data, cache.steps.batch(), cache.work(), layer, kHeads, kernels_overlap(), 0}, stream));
        times(kOut, attended.data, hidden.data);
        normalise();
        times(kGateUp, normed.data, wide.data);
        REQUIRE(run_gated_silu(matrix(gated.data, m, kInner), matrix(wide.data, m, 2 * kInner), stream));
        times(kDown, gated.data, hidden.data);
      }
      normalise();
      times(kHead, normed.data, logits.data);
    }, 11);
  }
};

int main(int argc, char** argv) {
  Report report("linear", argc, argv);
  Bench bench;
  report.add("a read of all weights", microseconds([&](cudaStream_t stream) {
    read_all<<<bench.multiprocessors * 8, 256, 0, stream>>>(reinterpret_cast<const uint4*>(bench.weights.data), kAll / 8, reinterpret_cast<unsigned*>(bench.logits.data));
  }, 5), 2.0 * kAll);
  Linear library(false), chosen;
  for (Linear* linear : {&library, &chosen}) {
    std::string missing;
    if (!linear->open(&missing)) return std::printf("%s\n", missing.c_str()), 2;
  }
  for (const Shape& s : {kQKV, kOut, kGateUp, kDown, kHead})
    for (int m : {1, 8, 16, 32}) bench.alone(report, library, s, m);
  for (int m : {1, 8, 16, 32}) {
    Cache cache(m);
    const double bytes = 2.0 * kAll + cache.bytes();
    const std::string name = "step of " + std::to_string(m) + ", ";
    {
      const NoOverlap forbidden;
      report.add(name + "cuBLASLt, no overlap", bench.step(cache, library, m, 0), bytes);
    }
    report.add(name + "cuBLASLt", bench.step(cache, library, m, 0), bytes);
    report.add(name + "the faster of both", bench.step(cache, chosen, m, 0), bytes);
    report.add(name + "the faster of both, 12 MB ahead", bench.step(cache, chosen, m, 12 << 20), bytes);
  }
  return 0;
}
