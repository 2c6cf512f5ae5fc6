// What the benches share: random values made on the device, times of replayed graphs, a table and a JSON file.
//
// A time is the median of replays of one graph that holds the calls of all layers, each layer on its own data, so that no layer finds
// its input in the second-level cache. The floor is bytes over the bandwidth, or FLOPs over the rate, that this GPU reached here
// in a copy and a matrix product: 3.0 TB/s and 790 TFLOP/s on an H100.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "../kernels/pages.cuh"
#include "../tests/check.h"

namespace aircache {

constexpr double kBandwidth = 3.0e12, kRate = 790e12;

__global__ static void fill_normal(bf16* x, size_t n, unsigned seed) {
  for (size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x; i < n; i += size_t(gridDim.x) * blockDim.x) {
    uint64_t h = (i + 1) * 0x9e3779b97f4a7c15ull + seed;
    h = (h ^ h >> 31) * 0xbf58476d1ce4e5b9ull;
    h = (h ^ h >> 29) * 0x94d049bb133111ebull;
    float sum = -2;  // four uniform numbers are near enough to a normal one
    for (int k = 0; k < 4; k++) sum += float(h >> (16 * k) & 0xffff) / 65536;
    x[i] = __float2bfloat16(sum * 1.7f);
  }
}

// Values is device memory of random bf16 numbers.
struct Values {
  bf16* data;
  Values(size_t n, unsigned seed) {
    REQUIRE(cudaMalloc(reinterpret_cast<void**>(&data), n * sizeof(bf16)));
    fill_normal<<<2048, 256>>>(data, n, seed);
    finish();
  }
  Values(const Values&) = delete;
  ~Values() { cudaFree(data); }
};

// microseconds is the median time of what record queues.
inline double microseconds(const std::function<void(cudaStream_t)>& record, int replays = 15) {
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t runnable;
  cudaEvent_t from, to;
  REQUIRE(cudaStreamCreate(&stream));
  REQUIRE(cudaEventCreate(&from));
  REQUIRE(cudaEventCreate(&to));
  record(stream);  // loads the kernels
  REQUIRE(cudaStreamSynchronize(stream));
  REQUIRE(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  record(stream);
  REQUIRE(cudaStreamEndCapture(stream, &graph));
  REQUIRE(cudaGraphInstantiate(&runnable, graph, 0));
  std::vector<float> times;
  for (int i = 0; i < replays + 3; i++) {
    float ms;
    REQUIRE(cudaEventRecord(from, stream));
    REQUIRE(cudaGraphLaunch(runnable, stream));
    REQUIRE(cudaEventRecord(to, stream));
    REQUIRE(cudaEventSynchronize(to));
    REQUIRE(cudaEventElapsedTime(&ms, from, to));
    if (i >= 3) times.push_back(ms * 1000);
  }
  std::sort(times.begin(), times.end());
  cudaGraphExecDestroy(runnable);
  cudaGraphDestroy(graph);
  cudaEventDestroy(from);
  cudaEventDestroy(to);
  cudaStreamDestroy(stream);
  return times[times.size() / 2];
}

// Report prints a line a measurement, and writes all of them to the file named on the command line.
class Report {
 public:
  Report(const char* op, int argc, char** argv) : op_(op), path_(argc > 1 ? argv[1] : "") {
    cudaDeviceProp device;
    REQUIRE(cudaGetDeviceProperties(&device, 0));
    gpu_ = device.name;
    std::printf("%s on %s\n%-58s %10s %10s %8s %8s %7s\n", op, device.name, "case", "us", "floor us", "TB/s", "TFLOP/s", "share");
  }

  // add: count calls took us together; bytes and flops are of all of them.
  void add(const std::string& name, double us, double bytes, double flops = 0) {
    const double floor = std::max(bytes / kBandwidth, flops / kRate) * 1e6;
    std::printf("%-58s %10.2f %10.2f %8.3f %8.1f %6.1f%%\n", name.c_str(), us, floor, bytes / us * 1e-6, flops / us * 1e-6, 100 * floor / us);
    std::fflush(stdout);
    char line[512];
    std::snprintf(line, sizeof line, "    {\"case\": \"%s\", \"us\": %.2f, \"floor_us\": %.2f, \"bytes\": %.0f, \"flops\": %.0f}", name.c_str(), us, floor, bytes, flops);
    lines_.push_back(line);
  }

  ~Report() {
    if (path_.empty()) return;
    FILE* file = std::fopen(path_.c_str(), "w");
    if (!file) {
      std::perror(path_.c_str());
      std::exit(2);
    }
    std::fprintf(file, "{\n  \"op\": \"%s\",\n  \"gpu\": \"%s\",\n  \"bandwidth\": %.3g,\n  \"rate\": %.3g,\n  \"cases\": [\n", op_.c_str(), gpu_.c_str(), kBandwidth, kRate);
    for (size_t i = 0; i < lines_.size(); i++) std::fprintf(file, "%s%s\n", lines_[i].c_str(), i + 1 < lines_.size() ? "," : "");
    std::fprintf(file, "  ]\n}\n");
    std::fclose(file);
  }

 private:
  std::string op_, path_, gpu_;
  std::vector<std::string> lines_;
};

// Steps are device arrays of a step with given lengths; a page is used once.
struct Steps {
  Buffer<int> first_row, row_sequence, cached, table, pages;
  int sequences, layers, total_pages;

  // cached_rows is [layers][sequences].
  static std::vector<int> flat(const std::vector<std::vector<int>>& v) {
    std::vector<int> out;
    for (const auto& x : v) out.insert(out.end(), x.begin(), x.end());
    return out;
  }
  static std::vector<int> count_up(int n, int step) {
    std::vector<int> out(n);
    for (int i = 0; i < n; i++) out[i] = i * step;
    return out;
  }
  static std::vector<int> rows_of(int sequences, int rows) {
    std::vector<int> out(size_t(sequences) * rows);
    for (size_t i = 0; i < out.size(); i++) out[i] = int(i / rows);
    return out;
  }
  static std::vector<int> starts(const std::vector<int>& cached, int rows) {
    std::vector<int> out;
    int at = 0;
    for (int n : cached) out.push_back(at), at += pages_for(n + rows);
    out.push_back(at);
    return out;
  }

  Steps(const std::vector<std::vector<int>>& cached_rows, int rows, Random& random)
      : first_row(count_up(int(cached_rows[0].size()) + 1, rows)),
        row_sequence(rows_of(int(cached_rows[0].size()), rows)),
        cached(flat(cached_rows)),
        table(starts(flat(cached_rows), rows)),
        pages(random.permutation(starts(flat(cached_rows), rows).back())),
        sequences(int(cached_rows[0].size())),
        layers(int(cached_rows.size())),
        total_pages(starts(flat(cached_rows), rows).back()) {}

  Batch batch() const { return {int(row_sequence.size), sequences, layers, first_row.data, row_sequence.data, cached.data, table.data, pages.data}; }
};

}  // namespace aircache
