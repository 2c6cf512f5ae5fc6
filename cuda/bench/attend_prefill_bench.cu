// Prefill attention of LLaVA-OneVision-7B's shape, one layer, and SigLIP's over ten tiles. FLOPs of the visible pairs.
#include "../src/attend_prefill.h"

#include "bench.h"

using namespace aircache;

static void measure_prompt(Report& report, Random& random, Heads h, int cached, int rows) {
  Steps steps({{cached}}, rows, random);
  Values pool(size_t(steps.total_pages) * 2 * h.kv * kPageTokens * h.dim, 1), qkv(size_t(rows) * h.width(), 2);
  Buffer<bf16> dst(size_t(rows) * h.query * h.dim);
  Buffer<float> log_sum(size_t(rows) * h.query);
  const double us = microseconds([&](cudaStream_t stream) {
    REQUIRE(run_attend_prefill({dst.data, qkv.data, pool.data, steps.batch(), 0, h, rows, log_sum.data, 0}, stream));
  }, 7);
  const double pairs = double(rows) * cached + double(rows) * (rows + 1) / 2;
  report.add(std::to_string(rows) + " rows behind " + std::to_string(cached) + ", " + std::to_string(h.query) + "/" + std::to_string(h.kv) + " x " + std::to_string(h.dim), us,
             (rows * double(2 * h.query) + (rows + cached) * 2.0 * h.kv) * h.dim * 2, pairs * 4 * h.query * h.dim);
}

static void measure_mix(Report& report, int sequences, int rows, Heads h) {
  Values qkv(size_t(sequences) * rows * h.width(), 3);
  Buffer<bf16> dst(size_t(sequences) * rows * h.query * h.dim);
  const double us = microseconds([&](cudaStream_t stream) { REQUIRE(run_mix({dst.data, qkv.data, sequences, rows, h, 0}, stream)); });
  report.add("mix " + std::to_string(sequences) + " x " + std::to_string(rows) + ", " + std::to_string(h.query) + " x " + std::to_string(h.dim), us,
             double(sequences) * rows * (h.width() + h.query * h.dim) * 2, 4.0 * sequences * rows * rows * h.query * h.dim);
}

int main(int argc, char** argv) {
  Report report("attend_prefill", argc, argv);
  Random random;
  for (int rows : {512, 2048, 8192, 32768}) measure_prompt(report, random, {28, 4, 128}, 0, rows);
  measure_prompt(report, random, {28, 4, 128}, 6144, 2048);
  measure_prompt(report, random, {32, 32, 128}, 0, 2048);
  measure_prompt(report, random, {4, 2, 64}, 0, 2048);
  measure_mix(report, 10, 729, {16, 16, 72});
  measure_mix(report, 1, 577, {16, 16, 64});
  return 0;
}
