// density against the reference: a count, so equal but for rows whose score lies within float32's rounding of the bar.
#include "../src/density.h"

#include "../ref/density.h"
#include "step.h"

using namespace aircache;

static void check(Verdict& verdict, Random& random, Heads h, int rows, float bar) {
  const std::string name = std::to_string(h.query) + "/" + std::to_string(h.kv) + "x" + std::to_string(h.dim) + ", " + std::to_string(rows) + " rows, bar " + std::to_string(bar);
  const StepShape shape{h, 1, {1}, {{rows - 1}}};
  TestStep step(shape, random);
  const std::vector<bf16> pool = cached_values(shape, step, random, 1);
  std::vector<int> observed{rows - 1};
  for (int i = 0; i < 4; i++) observed.push_back(random.below(rows));
  const int queries = int(observed.size());
  const std::vector<bf16> query = random.normals(size_t(queries) * h.query * h.dim);
  const Buffer<bf16> device_pool(pool), device_query(query);
  const Buffer<int> device_observed(observed);
  Buffer<float> share(size_t(queries) * h.query);
  REQUIRE(run_density(share.data, device_query.data, device_pool.data, step.pages->data, device_observed.data, queries, bar, h, nullptr));
  finish();
  const std::vector<float> got = share.read();
  ref::Cache cache{h, widen(pool)};
  const std::vector<double> wide = widen(query);
  verdict.checks++;
  for (int i = 0; i < queries; i++)
    for (int head = 0; head < h.query; head++) {
      const size_t at = size_t(i) * h.query + head;
      const ref::Density want = ref::density(&wide[at * h.dim], cache, step.host.pages, observed[i], head, bar, 1e-5);
      if (!(std::fabs(got[at] - want.share) <= want.narrow + 1e-6)) {
        return verdict.fail(name + ": row " + std::to_string(observed[i]) + ", head " + std::to_string(head) + " has a share of " + std::to_string(got[at]) + ", want " + std::to_string(want.share));
      }
    }
}

int main() {
  Random random;
  Verdict verdict;
  for (Heads h : {Heads{28, 4, 128}, Heads{4, 2, 64}, Heads{3, 3, 8}})
    for (int rows : {1, 31, 33, 300}) check(verdict, random, h, rows, .1f);
  check(verdict, random, {4, 2, 64}, 1000, .01f);
  check(verdict, random, {2, 1, 64}, 4097, 1);
  Buffer<float> share(1);
  Buffer<bf16> values(256);
  Buffer<int> zero(std::vector<int>{0});
  for (auto [dim, bar] : {std::pair<int, float>{12, .1f}, {64, 0.f}, {64, -1.f}, {64, NAN}})
    if (run_density(share.data, values.data, values.data, zero.data, zero.data, 1, bar, {1, 1, dim}, nullptr) != cudaErrorInvalidValue)
      verdict.fail("head dim " + std::to_string(dim) + " with bar " + std::to_string(bar) + " was taken");
  return verdict.report("density");
}
