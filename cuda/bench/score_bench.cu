// Everything after prefill, at LLaVA-OneVision-7B's shape, kernel by kernel and in one graph: scores, budgets, the kept rows, compaction.
// The scores and their sums are known to be right from the tests; here they are random, and the window is given.
#include "../src/score.h"

#include "../src/budget.h"
#include "../src/compact.h"
#include "../src/topk.h"
#include "bench.h"

using namespace aircache;

static const Heads kHeads{28, 4, 128};
constexpr int kLayers = 28, kBefore = 14, kObserved = 64, kSplits = 16, kMost = 64;
constexpr size_t kGroupRows = size_t(kLayers) * 4 * bias_stride(kObserved * 7);

struct Case {
  int visual, rows, window;
  Steps steps;
  Values pool, query;
  Buffer<const bf16*> queries;
  Buffer<int> observed_row, visual_row, text_row, count, list, elite_count, elite_list, fault;
  Buffer<float> log_sums, relevance_part, relevance, text_sum, weight, sum, length, score, order;
  Buffer<const float*> log_sum;
  Buffer<float2> part, rest;
  Buffer<float> bias, text_bias;
  Buffer<int> listed, few, hidden;
  Buffer<double2> moments, mass;
  Buffer<int> budget, new_rows, to, used, kept, fresh;

  static std::vector<int> range(int from, int n) {
    std::vector<int> v(n);
    for (int i = 0; i < n; i++) v[i] = from + i;
    return v;
  }
  static std::vector<int> repeat(const std::vector<int>& v, int most) {
    std::vector<int> out;
    for (int l = 0; l < kLayers; l++)
      for (int i = 0; i < most; i++) out.push_back(v[i % v.size()]);
    return out;
  }
  static std::vector<int> text(int visual) {
    std::vector<int> v = range(0, kBefore);
    for (int i = 0; i < kObserved; i++) v.push_back(kBefore + visual + i);
    return v;
  }
  template <class T>
  static std::vector<const T*> pointers(const T* first, size_t each) {
    std::vector<const T*> v;
    for (int l = 0; l < kLayers; l++) v.push_back(first + l * each);
    return v;
  }
  static int page_count(int rows) { return kLayers * pages_for(rows); }

  Case(int visual, int window, Random& random)
      : visual(visual), rows(kBefore + visual + kObserved), window(window),
        steps(std::vector<std::vector<int>>(kLayers, std::vector<int>(1, rows - 1)), 1, random),
        pool(size_t(steps.total_pages + page_count(rows)) * 2 * kHeads.kv * kPageTokens * kHeads.dim, 1),
        query(size_t(kLayers) * kObserved * kHeads.query * kHeads.dim, 2),
        queries(pointers<bf16>(query.data, size_t(kObserved) * kHeads.query * kHeads.dim)),
        observed_row(range(kBefore + visual, kObserved)), visual_row(range(kBefore, visual)), text_row(text(visual)),
        count(std::vector<int>(kLayers, window)), list(repeat(range(0, window), window)), elite_count(kLayers), elite_list(size_t(kLayers) * kMost), fault(kLayers),
        log_sums(std::vector<float>(size_t(kLayers) * kObserved * kHeads.query, 9.f)), relevance_part(size_t(kLayers) * kHeads.kv * kObserved), relevance(size_t(kLayers) * kObserved),
        text_sum(size_t(kLayers) * kHeads.kv * kObserved), weight(size_t(kLayers) * kObserved), sum(size_t(kLayers) * kHeads.kv * visual), length(size_t(kLayers) * visual),
        score(size_t(kLayers) * visual), order(size_t(kLayers) * visual),
        log_sum(pointers<float>(log_sums.data, size_t(kObserved) * kHeads.query)),
        part(kGroupRows * kSplits), rest(kGroupRows), bias(kGroupRows), text_bias(kGroupRows), listed(size_t(kLayers) * kHeads.kv), few(kGroupRows), hidden(text(visual)),
        moments(kLayers), mass(size_t(kMostQuotas) * kLayers),
        budget(size_t(kMostQuotas) * kLayers), new_rows(kLayers), to(kLayers), used(1), kept(size_t(kLayers) * visual), fresh(range(steps.total_pages, page_count(rows))) {
    fault.clear();
  }

  Observed seen() const { return {queries.data, pool.data, steps.pages.data, steps.table.data, observed_row.data, kObserved, kLayers, kHeads}; }
};

struct Stage {
  std::string name;
  std::function<void(cudaStream_t)> run;
  double bytes, flops;
};

static std::vector<Stage> stages(Case& c) {
  const Observed seen = c.seen();
  const Window window{c.count.data, c.list.data, c.window}, everyone{nullptr, nullptr, kObserved};
  const Columns picture{c.visual_row.data, c.visual, false}, text{c.observed_row.data, kObserved, true}, others{c.hidden.data, kBefore + kObserved, true};
  const double keys = double(kLayers) * c.visual * kHeads.kv * kHeads.dim * 2, pairs = 2.0 * kLayers * c.visual * c.window * kHeads.query * kHeads.dim;
  const double text_keys = double(kLayers) * kObserved * kHeads.kv * kHeads.dim * 2, text_pairs = 2.0 * kLayers * kObserved * kObserved * kHeads.query * kHeads.dim;
  const double moved = 2.0 * 2 * kHeads.kv * kHeads.dim * 2 * kLayers * (0.1 * c.visual + kBefore + kObserved);
  const double scores = 4.0 * kLayers * c.visual;
  BudgetParams shares{c.moments.data, kLayers, c.visual, 1, {100}, kBySkewness, c.budget.data, kBefore + kObserved, c.new_rows.data, c.to.data, c.used.data};
  return {
      {"relevance", [=, &c](cudaStream_t s) { REQUIRE(run_relevance({seen, c.relevance_part.data, 0}, s)); }, text_keys, 0},
      {"elite", [=, &c](cudaStream_t s) { REQUIRE(run_elite({c.relevance_part.data, c.relevance.data, c.elite_count.data, c.elite_list.data, c.fault.data, kObserved, kLayers, 1, kMost, kHeads, .1}, s)); }, 0, 0},
      {"factors of the text", [=, &c](cudaStream_t s) { REQUIRE(run_factors({nullptr, c.log_sum.data, everyone, nullptr, c.text_bias.data, 1, kObserved, kLayers, true, kHeads}, s)); }, 0, 0},
      {"columns of the text", [=, &c](cudaStream_t s) { REQUIRE(run_columns({seen, everyone, text, c.text_bias.data, c.text_sum.data}, s)); }, text_keys, text_pairs},
      {"received", [=, &c](cudaStream_t s) { REQUIRE(run_received({c.text_sum.data, window, c.weight.data, kObserved, kLayers, kHeads.kv}, s)); }, 0, 0},
      {"mass of the others", [=, &c](cudaStream_t s) { REQUIRE(run_mass({seen, window, others, kNotWindow, c.rest.data, 1}, s)); }, text_keys, 0},
      {"factors", [=, &c](cudaStream_t s) { REQUIRE(run_factors({nullptr, c.log_sum.data, window, c.weight.data, c.bias.data, 1, kObserved, kLayers, false, kHeads, false, nullptr, c.rest.data, c.listed.data, c.few.data}, s)); }, 0, 0},
      {"mass of the listed", [=, &c](cudaStream_t s) { REQUIRE(run_mass({seen, window, picture, kAlsoWindow, c.part.data, kSplits, 0, c.listed.data, c.few.data}, s)); }, 0, 0},
      {"factors of the listed", [=, &c](cudaStream_t s) { REQUIRE(run_factors({c.part.data, nullptr, window, c.weight.data, c.bias.data, kSplits, kObserved, kLayers, false, kHeads, false, nullptr, nullptr, nullptr, nullptr, c.listed.data, c.few.data}, s)); }, 0, 0},
      {"columns", [=, &c](cudaStream_t s) { REQUIRE(run_columns({seen, window, picture, c.bias.data, c.sum.data}, s)); }, keys, pairs},
      {"lengths", [=, &c](cudaStream_t s) { REQUIRE(run_lengths({seen, picture, c.length.data}, s)); }, keys, 0},
      {"collect", [=, &c](cudaStream_t s) { REQUIRE(run_collect({c.sum.data, c.length.data, c.visual_row.data, nullptr, c.score.data, c.order.data, kLayers, kHeads.kv, c.visual, c.visual, 1}, s)); }, 7 * scores, 0},
      {"moments", [=, &c](cudaStream_t s) { REQUIRE(run_moments({c.score.data, nullptr, c.moments.data, c.fault.data, kLayers, c.visual}, s)); }, scores, 0},
      {"budgets", [=](cudaStream_t s) { REQUIRE(run_budgets(shares, s)); }, 0, 0},
      {"top", [=, &c](cudaStream_t s) { REQUIRE(run_top({c.order.data, c.score.data, c.budget.data, c.kept.data, c.mass.data, kLayers, c.visual, 1}, s)); }, 2 * scores, 0},
      {"compact", [=, &c](cudaStream_t s) { REQUIRE(run_compact({c.pool.data, c.steps.pages.data, c.steps.table.data, c.fresh.data, c.to.data, c.visual_row.data, c.text_row.data, c.kept.data, c.budget.data, kLayers, c.visual, kBefore + kObserved, kHeads}, s)); }, moved, 0},
  };
}

// whole_mass is what saved sums spare: it takes the place of three small kernels.
static Stage whole_mass(Case& c) {
  const Observed seen = c.seen();
  const Window window{c.count.data, c.list.data, c.window};
  const Columns picture{c.visual_row.data, c.visual, false};
  return {"mass of all", [=, &c](cudaStream_t s) { REQUIRE(run_mass({seen, window, picture, kAlsoWindow, c.part.data, kSplits}, s)); },
          double(kLayers) * c.visual * kHeads.kv * kHeads.dim * 2, 2.0 * kLayers * c.visual * c.window * kHeads.query * kHeads.dim};
}

int main(int argc, char** argv) {
  Report report("score", argc, argv);
  Random random;
  for (int visual : {8192, 2048, 32768})
    for (int window : {8, 64}) {
      Case c(visual, window, random);
      const std::vector<Stage> all = stages(c);
      const std::string name = std::to_string(visual) + " visual, window " + std::to_string(window) + ": ";
      const Stage mass = whole_mass(c);
      if (visual == 8192) report.add(name + mass.name, microseconds(mass.run), mass.bytes, mass.flops);
      double bytes = 0, flops = 0;
      for (const Stage& stage : all) {
        stage.run(nullptr);
        finish();
        bytes += stage.bytes, flops += stage.flops;
        if (visual == 8192) report.add(name + stage.name, microseconds(stage.run), stage.bytes, stage.flops);
      }
      report.add(name + "all", microseconds([&](cudaStream_t stream) { for (const Stage& stage : all) stage.run(stream); }), bytes, flops);
    }
  return 0;
}
