// append against the reference: pages and rotated rows equal within one rounding to bf16, all else untouched.
#include "../ref/append.h"

#include "../src/append.h"
#include "step.h"

using namespace aircache;

static void check(Verdict& verdict, Random& random, const std::string& name, const StepShape& shape) {
  TestStep step(shape, random);
  const Heads h = shape.heads;
  const int rows = int(step.host.row_sequence.size());
  const std::vector<bf16> pool = cached_values(shape, step, random), qkv = random.normals(size_t(rows) * h.width());
  std::vector<float> angles(size_t(rows) * h.dim);
  for (int row = 0; row < rows; row++)
    for (int i = 0; i < h.dim / 2; i++) {
      const float angle = random.normal(3);
      angles[row * h.dim + i] = std::cos(angle);
      angles[row * h.dim + h.dim / 2 + i] = std::sin(angle);
    }
  Buffer<bf16> device_pool(pool), device_qkv(qkv);
  Buffer<float> device_angles(angles);
  ref::Cache cache{h, widen(pool)};
  std::vector<double> want = widen(qkv);
  for (int layer = 0; layer < shape.layers; layer++) {
    device_qkv.write(qkv);
    want = widen(qkv);
    REQUIRE(run_append({device_qkv.data, device_angles.data, device_pool.data, step.device(), layer, h}, nullptr));
    finish();
    ref::append(want, angles, cache, step.host, layer);
    verdict.near(name + " rows", device_qkv.read(), want, 3e-3);
  }
  const std::vector<bf16> got = device_pool.read();
  std::vector<double> written, wanted;
  for (size_t i = 0; i < got.size(); i++) {
    const bool empty = std::isnan(cache.values[i]);
    if (empty != std::isnan(value_of(got[i]))) return verdict.fail(name + ": a value outside the new rows was written, or one of them was not");
    if (!empty) written.push_back(value_of(got[i])), wanted.push_back(cache.values[i]);
  }
  verdict.near(name + " pages", written, wanted, 3e-3);
}

int main() {
  Random random;
  Verdict verdict;
  for (Heads h : {Heads{28, 4, 128}, Heads{4, 2, 64}, Heads{8, 8, 64}, Heads{3, 1, 32}}) {
    const std::string name = std::to_string(h.query) + "/" + std::to_string(h.kv) + "x" + std::to_string(h.dim);
    check(verdict, random, name + " decode", {h, 2, {1, 1, 1, 1}, {{0, 15, 16, 31}, {33, kNoPages, 7, 100}}});
    check(verdict, random, name + " prompt", {h, 1, {31, 1, 33}, {{0, 5, 17}}});
  }
  return verdict.report("append");
}
