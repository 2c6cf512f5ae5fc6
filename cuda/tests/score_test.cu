// The scoring kernels against the references. Sums are float32 over bf16 operands with exact products: 2e-4 of the norm (the
// fast exponential has 2e-7 and scores of size 10 lose 1e-6 of their digits; sums of several hundred values stay under it).
#include "../src/score.h"

#include "prompt.h"

using namespace aircache;

static std::vector<double> part_of(const std::vector<float>& all, int layer, int kv, int count) {
  std::vector<double> sum(count);
  for (int h = 0; h < kv; h++)
    for (int c = 0; c < count; c++) sum[c] += all[(size_t(layer) * kv + h) * count + c];
  return sum;
}

struct Run {
  TestPrompt& prompt;
  Window window;
  const float* weight;
  bool plain;
  Columns keys, ask;
  bool with_window;
  int splits;

  // sums runs mass, factors and columns.
  std::vector<float> sums() const {
    const Observed seen = prompt.device();
    const Heads h = seen.heads;
    const size_t rows = size_t(prompt.layers) * h.kv * window.most * h.group();
    Buffer<float2> part(rows * splits), factor(rows);
    Buffer<float> sum(size_t(prompt.layers) * h.kv * ask.count);
    REQUIRE(run_mass({seen, window, keys, with_window, part.data, splits, 0}, nullptr));
    REQUIRE(run_factors({part.data, window, weight, factor.data, splits, seen.rows, seen.layers, plain, h}, nullptr));
    REQUIRE(run_columns({seen, window, ask, factor.data, sum.data, 0}, nullptr));
    finish();
    return sum.read();
  }
};

static void check_window(Verdict& verdict, TestPrompt& prompt, const std::string& name, double alpha, int least, int most, int splits) {
  const Observed seen = prompt.device();
  const Heads h = seen.heads;
  Buffer<float> part(size_t(prompt.layers) * h.kv * seen.rows), relevance(size_t(prompt.layers) * seen.rows);
  Buffer<int> count(prompt.layers), list(size_t(prompt.layers) * most), fault(prompt.layers);
  fault.clear();
  REQUIRE(run_relevance({seen, part.data, 0}, nullptr));
  REQUIRE(run_elite({part.data, relevance.data, count.data, list.data, fault.data, seen.rows, prompt.layers, least, most, h, alpha}, nullptr));
  finish();
  verdict.same(name + " fault", fault.read(), std::vector<int>(prompt.layers));

  const Columns columns{prompt.visual_rows->data, int(prompt.visual.size()), false};
  const std::vector<float> sums = Run{prompt, {count.data, list.data, most}, nullptr, false, columns, columns, true, splits}.sums();
  const std::vector<float> got = relevance.read();
  const std::vector<int> counts = count.read(), lists = list.read();
  for (int l = 0; l < prompt.layers; l++) {
    const std::vector<float> mine(got.begin() + l * seen.rows, got.begin() + (l + 1) * seen.rows);
    verdict.near(name + " relevance", mine, ref::relevance(prompt.host, l), 2e-5);
    const std::vector<int> window = ref::elite(mine, alpha, least, most);
    verdict.same(name + " window", std::vector<int>(lists.begin() + l * most, lists.begin() + l * most + counts[l]), window);
    const ref::ColumnQuestion q{window, std::vector<double>(window.size(), 1.0 / window.size()), prompt.visual, prompt.visual, false, true};
    verdict.near(name + " importance", part_of(sums, l, h.kv, columns.count), ref::column_sums(prompt.host, l, q), 2e-4);
  }
}

// check_soft is the soft window: columns of the text, weights from them, columns of the picture.
static void check_soft(Verdict& verdict, TestPrompt& prompt, const std::string& name) {
  const Observed seen = prompt.device();
  const Heads h = seen.heads;
  const Window window{nullptr, nullptr, seen.rows};
  const Columns all{nullptr, prompt.rows, true}, text{prompt.row->data, seen.rows, true}, picture{prompt.visual_rows->data, int(prompt.visual.size()), true};
  const std::vector<float> text_sums = Run{prompt, window, nullptr, true, all, text, false, 3}.sums();
  Buffer<float> sums(text_sums), weight(size_t(prompt.layers) * seen.rows);
  REQUIRE(run_text_weights({sums.data, weight.data, seen.rows, prompt.layers, h.kv}, nullptr));
  finish();
  const std::vector<float> weights = weight.read(), scores = Run{prompt, window, weight.data, false, all, picture, false, 2}.sums();
  std::vector<int> everyone(seen.rows), keys(prompt.rows);
  for (int i = 0; i < seen.rows; i++) everyone[i] = i;
  for (int i = 0; i < prompt.rows; i++) keys[i] = i;
  for (int l = 0; l < prompt.layers; l++) {
    const std::vector<double> want_text = ref::column_sums(prompt.host, l, {everyone, std::vector<double>(seen.rows, 1), keys, prompt.host.row, true, false});
    verdict.near(name + " text", part_of(text_sums, l, h.kv, seen.rows), want_text, 2e-4);
    const std::vector<double> want_weight = ref::text_weights(want_text);
    verdict.near(name + " weights", std::vector<float>(weights.begin() + l * seen.rows, weights.begin() + (l + 1) * seen.rows), want_weight, 2e-4);
    verdict.near(name + " picture", part_of(scores, l, h.kv, picture.count), ref::column_sums(prompt.host, l, {everyone, want_weight, keys, prompt.visual, true, false}), 4e-4);
  }
}

static void check_collect(Verdict& verdict, Random& random, Pooling pooling, float carry, bool padded) {
  const int layers = 3, kv = 2, visual = 301, width = 5;
  std::vector<int> shown_at, line;
  for (int v = 0; v < visual; v++)
    if (!padded || random.below(4)) shown_at.push_back(v), line.push_back(v / 27);
  const int shown = int(shown_at.size());
  std::vector<float> sums(size_t(layers) * kv * shown);
  for (float& x : sums) x = std::abs(random.normal());
  Buffer<float> device_sums(sums), score(size_t(layers) * visual);
  Buffer<int> device_at(shown_at), device_line(line);
  REQUIRE(run_collect({device_sums.data, padded ? device_at.data : nullptr, device_line.data, score.data, layers, kv, shown, visual, pooling, width, carry}, nullptr));
  finish();
  std::vector<std::vector<double>> want;
  for (int l = 0; l < layers; l++) {
    const std::vector<double> pooled = ref::pool(part_of(sums, l, kv, shown), line, pooling == kPoolNone ? ref::kNone : pooling == kPoolMean ? ref::kMean : ref::kMax, width);
    want.emplace_back(visual, -1.0);
    for (int c = 0; c < shown; c++) want[l][shown_at[c]] = pooled[c];
  }
  if (carry > 0) ref::carry_on(want, carry);
  std::vector<double> flat;
  for (auto& layer : want) flat.insert(flat.end(), layer.begin(), layer.end());
  verdict.near("collect", score.read(), flat, 1e-6);
}

int main() {
  Random random;
  Verdict verdict;
  for (Heads h : {Heads{14, 2, 128}, Heads{4, 2, 64}, Heads{3, 3, 64}, Heads{8, 1, 128}}) {
    const std::string name = std::to_string(h.query) + "/" + std::to_string(h.kv) + "x" + std::to_string(h.dim);
    TestPrompt one(h, 2, 5, 131, 9, random), other(h, 1, 0, 64, 1, random), wide(h, 1, 3, 257, 33, random);
    check_window(verdict, one, name + " paper's window", .9, 1, 64, 2);
    check_window(verdict, one, name + " wide window", .1, 3, 8, 1);
    check_window(verdict, other, name + " one row", .9, 1, 64, 4);
    check_window(verdict, wide, name + " all rows", 0, 1, 64, 3);
    check_soft(verdict, one, name + " soft");
    check_soft(verdict, wide, name + " soft wide");
  }
  for (Pooling pooling : {kPoolNone, kPoolMean, kPoolMax})
    for (float carry : {0.f, .4f})
      for (bool padded : {false, true}) check_collect(verdict, random, pooling, carry, padded);
  return verdict.report("score");
}
