// Moments within 1e-9 of the reference (sums in double, another order); budgets equal, for every way to weigh.
#include "../ref/budget.h"

#include "../src/budget.h"
#include "check.h"

using namespace aircache;

static std::vector<float> draw_scores(Random& random, int visual, bool padded, double sharpness) {
  std::vector<float> scores(visual);
  for (float& x : scores) x = padded && random.below(5) == 0 ? -1.0f : float(std::pow(std::abs(random.normal()), sharpness) / visual);
  return scores;
}

static void check(Verdict& verdict, Random& random, int layers, int visual, bool padded) {
  const std::string name = std::to_string(layers) + " layers of " + std::to_string(visual);
  std::vector<float> scores;
  std::vector<ref::Moments> want;
  for (int l = 0; l < layers; l++) {
    std::vector<float> layer = l == 1 ? std::vector<float>(visual, 0.25f) : draw_scores(random, visual, padded, 1 + random.below(4));
    want.push_back(ref::moments(layer));
    scores.insert(scores.end(), layer.begin(), layer.end());
  }
  Buffer<float> device(scores);
  Buffer<double2> moments(layers);
  Buffer<int> fault(layers);
  fault.clear();
  REQUIRE(run_moments({device.data, nullptr, moments.data, fault.data, layers, visual}, nullptr));
  finish();
  verdict.same(name + " fault", fault.read(), std::vector<int>(layers));
  std::vector<double> got, wanted;
  for (int l = 0; l < layers; l++) {
    const double2 m = moments.read()[l];
    for (double v : {m.x, m.y}) got.push_back(v);
    for (double v : {want[l].strength, want[l].skewness}) wanted.push_back(v);
    if (l == 1 && m.y != 0) verdict.fail(name + ": equal scores have a skewness");
  }
  verdict.near(name + " moments", got, wanted, 1e-9);

  const int permille[kMostQuotas] = {random.below(1001), 10, 20, 50, 100, 350, 500, 1000}, text = 37;
  for (LayerBudget how : {kAdaptive, kByStrength, kBySkewness, kUniform}) {
    Buffer<int> budget(size_t(kMostQuotas) * layers), rows(layers), table(layers), used(1);
    BudgetParams p{moments.data, layers, visual, kMostQuotas, {}, how, budget.data, text, rows.data, table.data, used.data};
    std::copy(permille, permille + kMostQuotas, p.permille);
    REQUIRE(run_budgets(p, nullptr));
    finish();
    const std::vector<double> w = ref::weights(want, how == kAdaptive ? .5 : how == kByStrength, how == kAdaptive ? .5 : how == kBySkewness);
    std::vector<int> expected, expected_rows, expected_table;
    for (int q = 0; q < kMostQuotas; q++)
      for (int k : ref::budgets(w, {visual, layers, permille[q]})) expected.push_back(k);
    int pages = 0;
    for (int l = 0; l < layers; l++) {
      expected_rows.push_back(text + expected[l]);
      expected_table.push_back(pages);
      pages += pages_for(expected_rows[l]);
    }
    verdict.same(name + " budgets at " + std::to_string(permille[0]), budget.read(), expected);
    verdict.same(name + " rows", rows.read(), expected_rows);
    verdict.same(name + " tables", table.read(), expected_table);
    verdict.same(name + " pages", used.read(), std::vector<int>{pages});
  }
}

static void check_fault(Verdict& verdict) {
  std::vector<float> scores(300, 0.5f);
  scores[100 + 7] = NAN, scores[200] = INFINITY;
  Buffer<float> device(scores);
  Buffer<double2> moments(3);
  Buffer<int> fault(3);
  fault.clear();
  REQUIRE(run_moments({device.data, nullptr, moments.data, fault.data, 3, 100}, nullptr));
  finish();
  verdict.same("scores that are not finite", fault.read(), std::vector<int>{0, 1, 1});
}

int main() {
  Random random;
  Verdict verdict;
  for (int layers : {1, 2, 28, 33, 128})
    for (int visual : {2, 64, 729, 4097}) check(verdict, random, layers, visual, layers % 2 == 1);
  check_fault(verdict);
  return verdict.report("budget");
}
