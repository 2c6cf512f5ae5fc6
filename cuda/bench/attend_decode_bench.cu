// Decode attention of LLaVA-OneVision-7B's shape: all 28 layers and the plan in one graph. Bytes: K and V of every cached row.
#include "../src/attend_decode.h"

#include "../src/append.h"
#include "bench.h"

using namespace aircache;

static const Heads kHeads{28, 4, 128};
constexpr int kLayers = 28;

static std::vector<std::vector<int>> uniform(int sequences, int rows) { return std::vector<std::vector<int>>(kLayers, std::vector<int>(sequences, rows - 1)); }

// ragged keeps the total of all layers and sequences and spreads lengths from a fifth to nine fifths of the mean.
static std::vector<std::vector<int>> ragged(int sequences, int rows, Random& random) {
  std::vector<std::vector<int>> out = uniform(sequences, rows);
  for (int l = 0; l < kLayers; l++)
    for (int s = 0; s + 1 < sequences; s += 2) {
      const int shift = random.below(rows * 8 / 10);
      out[l][s] += shift;
      out[l][s + 1] -= shift;
    }
  return out;
}

// Append says whether the step's appends are timed too, one before each attention, and may overlap with it.
enum Append { kWithout, kBefore, kOverlapping };

static void measure(Report& report, Random& random, const std::string& name, const std::vector<std::vector<int>>& cached, int least_pages, Append append = kWithout) {
  Steps steps(cached, 1, random);
  const int sequences = steps.sequences;
  Values pool(size_t(steps.total_pages) * 2 * kHeads.kv * kPageTokens * kHeads.dim, 1), qkv(size_t(sequences) * kHeads.width(), 2);
  Buffer<bf16> dst(size_t(sequences) * kHeads.query * kHeads.dim);
  Buffer<float> angles(std::vector<float>(size_t(sequences) * kHeads.dim, 0.7071f));
  int blocks;
  REQUIRE(decode_blocks(&blocks));
  Buffer<DecodeStart> start(size_t(kLayers) * blocks);
  Buffer<int> arrived(size_t(sequences) * kHeads.kv);
  Buffer<float> partial(size_t(2) * blocks * decode_partial_floats(kHeads.dim));
  arrived.clear();
  const DecodeWork work{start.data, arrived.data, partial.data, blocks, least_pages};
  double rows = 0;
  for (const auto& layer : cached)
    for (int n : layer) rows += n + 1;
  const double us = microseconds([&](cudaStream_t stream) {
    REQUIRE(plan_decode_step(steps.batch(), work, kHeads.kv, stream));
    for (int layer = 0; layer < kLayers; layer++) {
      if (append != kWithout) REQUIRE(run_append({qkv.data, angles.data, pool.data, steps.batch(), layer, kHeads}, stream));
      REQUIRE(run_attend_decode({dst.data, qkv.data, pool.data, steps.batch(), work, layer, kHeads, append == kOverlapping, 0}, stream));
    }
  });
  report.add(name, us, rows * 2 * kHeads.kv * kHeads.dim * 2, rows * 4 * kHeads.query * kHeads.dim);
}

int main(int argc, char** argv) {
  Report report("attend_decode", argc, argv);
  Random random;
  for (int least : {4, 8, 16}) {
    const std::string chunk = ", chunks of " + std::to_string(least) + " pages or more";
    measure(report, random, "1 x 256" + chunk, uniform(1, 256), least);
    measure(report, random, "1 x 883" + chunk, uniform(1, 883), least);
    measure(report, random, "1 x 8256" + chunk, uniform(1, 8256), least);
  }
  for (int sequences : {1, 32}) {
    const std::string name = std::to_string(sequences) + " x 883 with append";
    measure(report, random, name, uniform(sequences, 883), 8, kBefore);
    measure(report, random, name + ", overlapping", uniform(sequences, 883), 8, kOverlapping);
  }
  measure(report, random, "1 x 32832", uniform(1, 32832), 8);
  measure(report, random, "8 x 883", uniform(8, 883), 8);
  measure(report, random, "16 x 883", uniform(16, 883), 8);
  measure(report, random, "32 x 883 (8k visual at 10 %)", uniform(32, 883), 8);
  measure(report, random, "32 x 883 ragged", ragged(32, 883, random), 8);
  measure(report, random, "64 x 883", uniform(64, 883), 8);
  measure(report, random, "16 x 8256", uniform(16, 8256), 8);
  measure(report, random, "16 x 8256 ragged", ragged(16, 8256, random), 8);
  measure(report, random, "32 x 8256", uniform(32, 8256), 8);
  measure(report, random, "32 x 8256 ragged", ragged(32, 8256, random), 8);
  measure(report, random, "16 x 32832", uniform(16, 32832), 8);
  return 0;
}
