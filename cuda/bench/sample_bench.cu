// sample over Qwen2's vocabulary. Bytes: the logits once.
#include "../src/sample.h"

#include "bench.h"

using namespace aircache;

static void measure(Report& report, Random& random, const std::string& name, int rows, float spread, aircache_draw how) {
  const int vocab = 152064;
  std::vector<float> values(size_t(rows) * vocab);
  for (float& x : values) x = random.normal(spread);
  std::vector<aircache_draw> draws(rows, how);
  for (aircache_draw& d : draws) d.point = random.below(1 << 30) / double(1 << 30);
  Buffer<float> logits(values);
  Buffer<aircache_draw> draw(draws);
  Buffer<aircache_choice> choice(rows);
  Buffer<LogitSurvey> survey(size_t(rows) * kSampleSplits);
  const double us = microseconds([&](cudaStream_t stream) { REQUIRE(run_sample({logits.data, rows, vocab, draw.data, nullptr, nullptr, choice.data, survey.data}, stream)); });
  report.add(name + ", " + std::to_string(rows) + " rows", us, double(rows) * vocab * 4);
}

int main(int argc, char** argv) {
  Report report("sample", argc, argv);
  Random random;
  for (int rows : {1, 32}) {
    measure(report, random, "greedy", rows, 3, {0, 0, 0, 0, 0});
    measure(report, random, "temperature 1", rows, 3, {0, 1, 0, 0, 0});
    measure(report, random, "temperature 1, top-p 0.9", rows, 3, {0, 1, .9f, 0, 0});
    measure(report, random, "temperature 1, top-p 0.9, top-k 50, 20 alternatives", rows, 3, {0, 1, .9f, 50, 20});
  }
  measure(report, random, "temperature 1, top-p 0.9 of a flat distribution", 1, .1f, {0, 1, .9f, 0, 0});
  return 0;
}
