// top against sorting: the same positions exactly; sums within 1e-12.
#include "../src/topk.h"

#include "../ref/budget.h"
#include "check.h"

using namespace aircache;

static void check(Verdict& verdict, Random& random, int visual, int different) {
  const int layers = 3, quotas = 4;
  const std::string name = std::to_string(visual) + " scores, " + std::to_string(different) + " different";
  std::vector<float> scores(size_t(layers) * visual);
  std::vector<float> pool(different);
  for (float& x : pool) x = random.below(6) == 0 ? -1.0f : std::abs(random.normal(1e-3f));
  for (float& x : scores) x = pool[random.below(different)];
  std::vector<int> budget(quotas * layers);
  for (int& k : budget) k = 1 + random.below(visual);
  budget[0] = visual, budget[1] = 1;
  std::vector<float> counted(scores.size());
  for (size_t i = 0; i < counted.size(); i++) counted[i] = scores[i] < 0 ? -1 : std::abs(random.normal());
  Buffer<float> device(scores), device_counted(counted);
  Buffer<int> budgets(budget), kept(size_t(layers) * visual);
  Buffer<double2> mass(size_t(quotas) * layers);
  REQUIRE(run_top({device.data, device_counted.data, budgets.data, kept.data, mass.data, layers, visual, quotas}, nullptr));
  finish();
  const std::vector<int> positions = kept.read();
  std::vector<double> got, want;
  for (int q = 0; q < quotas; q++)
    for (int l = 0; l < layers; l++) {
      const std::vector<float> layer(scores.begin() + l * visual, scores.begin() + (l + 1) * visual);
      const std::vector<int> order = ref::best_first(layer);
      const int k = budget[q * layers + l];
      double sum = 0, all = 0;
      for (int i = 0; i < visual; i++) {
        const double x = std::max(counted[l * visual + order[i]], 0.0f);
        all += x;
        if (i < k) sum += x;
      }
      const double2 m = mass.read()[q * layers + l];
      for (double v : {m.x, m.y}) got.push_back(v);
      for (double v : {sum, all}) want.push_back(v);
      if (q > 0) continue;
      std::vector<int> best(order.begin(), order.begin() + k);
      std::sort(best.begin(), best.end());
      verdict.same(name, std::vector<int>(positions.begin() + l * visual, positions.begin() + l * visual + k), best);
    }
  verdict.near(name + " sums", got, want, 1e-12);
}

int main() {
  Random random;
  Verdict verdict;
  for (int visual : {1, 31, 33, 512, 4097, 8192, 11000})  // 11000 and the kernel's own are over 48 KiB together
    for (int different : {1, 7, 100000}) check(verdict, random, visual, different);
  check(verdict, random, kMostVisual, 100000);
  return verdict.report("topk");
}
