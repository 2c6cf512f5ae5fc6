// attend_prefill and mix against the references at lengths around the tiles' edges. Operands and weights are bf16: 1e-2.
#include "../ref/attend.h"

#include "../src/attend_prefill.h"
#include "step.h"

using namespace aircache;

static std::string name_of(Heads h) { return std::to_string(h.query) + "/" + std::to_string(h.kv) + "x" + std::to_string(h.dim); }

static void check_prompt(Verdict& verdict, Random& random, const std::string& name, const StepShape& shape) {
  TestStep step(shape, random);
  const Heads h = shape.heads;
  const size_t rows = step.host.row_sequence.size();
  const std::vector<bf16> pool = cached_values(shape, step, random, 1), qkv = random.normals(rows * h.width());
  Buffer<bf16> device_pool(pool), device_qkv(qkv), dst(rows * h.query * h.dim);
  Buffer<float> log_sum(rows * h.query);
  ref::Cache cache{h, widen(pool)};
  const int most = *std::max_element(shape.rows.begin(), shape.rows.end());
  for (int layer = 0; layer < shape.layers; layer++) {
    dst.poison();
    log_sum.clear();
    REQUIRE(run_attend_prefill({dst.data, device_qkv.data, device_pool.data, step.device(), layer, h, most, log_sum.data, 0}, nullptr));
    finish();
    std::vector<double> want_sum(rows * h.query);
    verdict.near(name, dst.read(), ref::attend(widen(qkv), cache, step.host, layer, &want_sum), 1e-2);
    verdict.near(name + " sums", log_sum.read(), want_sum, 1e-5);
  }
}

static void check_mix(Verdict& verdict, Random& random, Heads h, int sequences, int rows) {
  const std::vector<bf16> qkv = random.normals(size_t(sequences) * rows * h.width());
  Buffer<bf16> device_qkv(qkv), dst(size_t(sequences) * rows * h.query * h.dim);
  REQUIRE(run_mix({dst.data, device_qkv.data, sequences, rows, h, 0}, nullptr));
  finish();
  verdict.near("mix " + name_of(h) + " of " + std::to_string(rows), dst.read(), ref::mix(widen(qkv), sequences, rows, h), 1e-2);
}

int main() {
  Random random;
  Verdict verdict;
  for (Heads h : {Heads{7, 1, 128}, Heads{2, 2, 64}}) {
    check_prompt(verdict, random, name_of(h) + " prompts", {h, 1, {1, 31, 128, 129}, {{0, 33, 0, 70}}});
    check_prompt(verdict, random, name_of(h) + " behind a cache", {h, 2, {65, 1}, {{200, kNoPages}, {63, 17}}});
  }
  for (int rows : {1, 31, 64, 129}) {
    check_mix(verdict, random, {2, 2, 72}, 2, rows);
    check_mix(verdict, random, {2, 2, 80}, 2, rows);
    check_mix(verdict, random, {2, 1, 64}, 1, rows);
  }
  check_mix(verdict, random, {2, 2, 128}, 1, 100);
  const SmallGpu small(99 << 10);
  check_prompt(verdict, random, "prompts in tiles of 32", {{7, 1, 128}, 1, {1, 31, 129}, {{0, 33, 70}}});
  check_mix(verdict, random, {2, 2, 128}, 1, 100);
  return verdict.report("attend_prefill");
}
