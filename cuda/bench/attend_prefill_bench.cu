// Prefill attention of LLaVA-OneVision-7B's shape, one layer, and SigLIP's over ten tiles. FLOPs of the visible pairs.
#include "../src/cudnn_fused.h"

#include "bench.h"

using namespace aircache;

// measure_prompt times ours, and cuDNN's where that takes the shape.
static void measure_prompt(Report& report, Random& random, FusedAttention& fused, Heads h, int cached, int rows) {
  Steps steps({{cached}}, rows, random);
  Values pool(size_t(steps.total_pages) * 2 * h.kv * kPageTokens * h.dim, 1), qkv(size_t(rows) * h.width(), 2);
  Buffer<bf16> dst(size_t(rows) * h.query * h.dim);
  Buffer<float> log_sum(size_t(rows) * h.query);
  const PrefillParams p{dst.data, qkv.data, pool.data, steps.batch(), 0, h, rows, log_sum.data, 0};
  const double pairs = double(rows) * cached + double(rows) * (rows + 1) / 2;
  const auto add = [&](const char* whose, double us) {
    report.add(std::string(whose) + std::to_string(rows) + " rows behind " + std::to_string(cached) + ", " + std::to_string(h.query) + "/" + std::to_string(h.kv) + " x " + std::to_string(h.dim), us,
               (rows * double(2 * h.query) + (rows + cached) * 2.0 * h.kv) * h.dim * 2, pairs * 4 * h.query * h.dim);
  };
  add("", microseconds([&](cudaStream_t stream) { REQUIRE(run_attend_prefill(p, stream)); }, 7));
  bool taken = false;
  REQUIRE(fused.attend(p, cached, steps.pages.data, steps.total_pages, nullptr, &taken));
  if (taken) add("cuDNN, ", microseconds([&](cudaStream_t stream) { REQUIRE(fused.attend(p, cached, steps.pages.data, steps.total_pages, stream, &taken)); }, 7));
}

static void measure_mix(Report& report, FusedAttention& fused, int sequences, int rows, Heads h) {
  Values qkv(size_t(sequences) * rows * h.width(), 3);
  Buffer<bf16> dst(size_t(sequences) * rows * h.query * h.dim);
  const MixParams p{dst.data, qkv.data, sequences, rows, h, 0};
  const auto add = [&](const char* whose, double us) {
    report.add(std::string(whose) + "mix " + std::to_string(sequences) + " x " + std::to_string(rows) + ", " + std::to_string(h.query) + " x " + std::to_string(h.dim), us,
               double(sequences) * rows * (h.width() + h.query * h.dim) * 2, 4.0 * sequences * rows * rows * h.query * h.dim);
  };
  add("", microseconds([&](cudaStream_t stream) { REQUIRE(run_mix(p, stream)); }));
  bool taken = false;
  REQUIRE(fused.mix(p, nullptr, &taken));
  if (taken) add("cuDNN, ", microseconds([&](cudaStream_t stream) { REQUIRE(fused.mix(p, stream, &taken)); }));
}

int main(int argc, char** argv) {
  setenv("AIRCACHE_CUDNN", "always", 0);
  FusedAttention fused;
  std::string why;
  if (fused.open(&why)) std::printf("cuDNN %d\n", fused.version());
  else std::printf("without cuDNN: %s\n", why.c_str());
  Report report("attend_prefill", argc, argv);
  Random random;
  const Heads h{28, 4, 128};
  for (int rows : {64, 256, 512, 1024, 2048, 8192}) measure_prompt(report, random, fused, h, 0, rows);
  for (int rows : {16, 64, 256, 2048}) measure_prompt(report, random, fused, h, 8192 - rows, rows);
  measure_prompt(report, random, fused, h, 24576, 8192);
  measure_prompt(report, random, fused, {32, 32, 128}, 0, 2048);
  measure_prompt(report, random, fused, {4, 2, 64}, 0, 2048);
  for (int tiles : {1, 4, 10}) measure_mix(report, fused, tiles, 729, {16, 16, 72});
  measure_mix(report, fused, 1, 577, {16, 16, 64});
  measure_mix(report, fused, 5, 577, {16, 16, 64});
  return 0;
}
