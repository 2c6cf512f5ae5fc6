// append of LLaVA-OneVision-7B's shape: a decode step's 28 layers, and one layer of a prompt.
#include "../src/append.h"

#include "bench.h"

using namespace aircache;

static void measure(Report& report, Random& random, int sequences, int rows, int layers) {
  const Heads h{28, 4, 128};
  Steps steps(std::vector<std::vector<int>>(layers, std::vector<int>(sequences, 100)), rows, random);
  const size_t all = size_t(sequences) * rows;
  Values pool(size_t(steps.total_pages) * 2 * h.kv * kPageTokens * h.dim, 1), qkv(all * h.width(), 2);
  std::vector<float> turns(all * h.dim, 0.7071f);
  Buffer<float> angles(turns);
  const double us = microseconds([&](cudaStream_t stream) {
    for (int layer = 0; layer < layers; layer++) REQUIRE(run_append({qkv.data, angles.data, pool.data, steps.batch(), layer, h}, stream));
  });
  const double row = (h.width() + (h.query + h.kv) * h.dim + 2 * h.kv * h.dim) * 2.0 + h.dim * 4.0;
  report.add(std::to_string(sequences) + " x " + std::to_string(rows) + " rows, " + std::to_string(layers) + " layers", us, row * double(all) * layers);
}

int main(int argc, char** argv) {
  Report report("append", argc, argv);
  Random random;
  measure(report, random, 1, 1, 28);
  measure(report, random, 32, 1, 28);
  measure(report, random, 1, 2048, 1);
  measure(report, random, 1, 8192, 1);
  return 0;
}
