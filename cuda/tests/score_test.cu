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
  OfWindow of_window;
  int splits;
  const float* const* log_sum = nullptr;
  Columns others = {};            // with log_sum: what the softmax goes without
  mutable int left_to_mass = 0;  // rows times heads whose sum was no difference

  // sums runs mass (or takes what is known of it), factors and columns.
  std::vector<float> sums() const {
    const Observed seen = prompt.device();
    const Heads h = seen.heads;
    const size_t rows = size_t(prompt.layers) * h.kv * window.most * h.group();
    const size_t groups = size_t(prompt.layers) * h.kv;
    Buffer<float2> part(rows * splits), rest(rows);
    Buffer<float> bias(groups * bias_stride(window.most * h.group())), sum(groups * ask.count);
    Buffer<int> listed(groups), list(rows);
    FactorParams factors{part.data, log_sum, window, weight, bias.data, splits, seen.rows, seen.layers, plain, h};
    if (log_sum && others.count) {
      REQUIRE(run_mass({seen, window, others, kNotWindow, rest.data, 1}, nullptr));
      factors.others = rest.data, factors.listed = listed.data, factors.list = list.data;
      REQUIRE(run_factors(factors, nullptr));
      REQUIRE(run_mass({seen, window, keys, of_window, part.data, splits, 0, listed.data, list.data}, nullptr));
      finish();
      for (int n : listed.read()) left_to_mass += n;
      factors = {part.data, nullptr, window, weight, bias.data, splits, seen.rows, seen.layers, plain, h};
      factors.only_count = listed.data, factors.only = list.data;
    } else if (!log_sum) {
      REQUIRE(run_mass({seen, window, keys, of_window, part.data, splits}, nullptr));
    }
    REQUIRE(run_factors(factors, nullptr));
    REQUIRE(run_columns({seen, window, ask, bias.data, sum.data}, nullptr));
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
  const std::vector<float> sums = Run{prompt, {count.data, list.data, most}, nullptr, false, columns, columns, kAlsoWindow, splits}.sums();
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

// log_sums are what prefill would have saved: the logarithm of the sum of a row's exponentials over all that it sees.
static std::vector<std::vector<float>> log_sums(TestPrompt& prompt) {
  std::vector<std::vector<float>> out(prompt.layers);
  for (int l = 0; l < prompt.layers; l++)
    for (size_t j = 0; j < prompt.host.row.size(); j++)
      for (int head = 0; head < prompt.host.cache.heads.query; head++) {
        double sum = 0;
        for (int key = 0; key <= prompt.host.row[j]; key++) sum += std::exp(prompt.host.score(l, int(j), head, key));
        out[l].push_back(float(std::log(sum)));
      }
  return out;
}

// check_soft is a window whose rows count what they receive: columns of the text, weights from them, columns of the picture. Beside a
// sink, some rows' sums must go to mass although they were saved; elsewhere none.
static void check_soft(Verdict& verdict, TestPrompt& prompt, const std::string& name, bool saved, bool beside_sink = false) {
  const Observed seen = prompt.device();
  const Heads h = seen.heads;
  std::vector<std::unique_ptr<Buffer<float>>> sums_of_layers;
  std::vector<const float*> pointers;
  for (const auto& layer : log_sums(prompt)) {
    sums_of_layers.emplace_back(new Buffer<float>(layer));
    pointers.push_back(sums_of_layers.back()->data);
  }
  Buffer<const float*> log_sum(pointers);
  const Window everyone{nullptr, nullptr, seen.rows};
  const Columns all{nullptr, prompt.rows, true}, text{prompt.row->data, seen.rows, true}, picture{prompt.visual_rows->data, int(prompt.visual.size()), false};
  const std::vector<float> text_sums = Run{prompt, everyone, nullptr, true, all, text, kColumnsAlone, 3, saved ? log_sum.data : nullptr}.sums();

  std::vector<int> chosen, rows(seen.rows), keys(prompt.rows);
  for (int i = 0; i < seen.rows; i++) rows[i] = i;
  for (int i = 0; i < prompt.rows; i++) keys[i] = i;
  for (int i = 0; i < seen.rows; i += 1 + i % 3) chosen.push_back(i);
  std::vector<int> lists;
  for (int l = 0; l < prompt.layers; l++) lists.insert(lists.end(), chosen.begin(), chosen.end());
  Buffer<int> count(std::vector<int>(prompt.layers, int(chosen.size()))), list(lists);
  const Window window{count.data, list.data, int(chosen.size())};
  Buffer<float> sums(text_sums), weight(size_t(prompt.layers) * seen.rows);
  REQUIRE(run_received({sums.data, window, weight.data, seen.rows, prompt.layers, h.kv}, nullptr));
  finish();
  std::vector<int> hidden;
  for (int i = 0; i < prompt.rows; i++)
    if (i < prompt.visual.front() || i > prompt.visual.back()) hidden.push_back(i);
  Buffer<int> hidden_rows(hidden);
  const Columns others{hidden_rows.data, int(hidden.size()), true};
  const Run run{prompt, window, weight.data, false, picture, picture, kAlsoWindow, 2, saved ? log_sum.data : nullptr, saved ? others : Columns{}};
  const std::vector<float> weights = weight.read(), scores = run.sums();
  if (saved && (run.left_to_mass > 0) != beside_sink) verdict.fail(name + ": the sums of " + std::to_string(run.left_to_mass) + " rows and heads were taken for too small");
  for (int l = 0; l < prompt.layers; l++) {
    const std::vector<double> want_text = ref::column_sums(prompt.host, l, {rows, std::vector<double>(seen.rows, 1), keys, prompt.host.row, true, false});
    verdict.near(name + " text", part_of(text_sums, l, h.kv, seen.rows), want_text, 2e-4);
    const std::vector<double> want_weight = ref::received(want_text, chosen);
    std::vector<float> got_weight;
    for (int j : chosen) got_weight.push_back(weights[l * seen.rows + j]);
    verdict.near(name + " weights", got_weight, want_weight, 2e-4);
    verdict.near(name + " picture", part_of(scores, l, h.kv, picture.count), ref::column_sums(prompt.host, l, {chosen, want_weight, prompt.visual, prompt.visual, false, true}), 4e-4);
  }
}

static void check_lengths(Verdict& verdict, TestPrompt& prompt, const std::string& name) {
  Buffer<float> length(size_t(prompt.layers) * prompt.visual.size());
  REQUIRE(run_lengths({prompt.device(), {prompt.visual_rows->data, int(prompt.visual.size()), false}, length.data}, nullptr));
  finish();
  std::vector<double> want;
  for (int l = 0; l < prompt.layers; l++)
    for (int row : prompt.visual) want.push_back(ref::length(prompt.host, l, row));
  verdict.near(name + " lengths", length.read(), want, 1e-6);
}

static void check_collect(Verdict& verdict, Random& random, int reach, bool scaled, bool padded) {
  const int layers = 3, kv = 2, visual = 1301;
  std::vector<int> shown_at, row;
  for (int v = 0; v < visual; v++)
    if (!padded || random.below(4)) shown_at.push_back(v), row.push_back(17 + v + v / 27);
  const int shown = int(shown_at.size());
  std::vector<float> sums(size_t(layers) * kv * shown), lengths(size_t(layers) * shown);
  for (float& x : sums) x = std::abs(random.normal());
  for (float& x : lengths) x = std::abs(random.normal(5));
  Buffer<float> device_sums(sums), device_lengths(lengths), score(size_t(layers) * visual), order(size_t(layers) * visual);
  Buffer<int> device_at(shown_at), device_row(row);
  REQUIRE(run_collect({device_sums.data, scaled ? device_lengths.data : nullptr, device_row.data, padded ? device_at.data : nullptr, score.data, order.data, layers, kv, shown, visual, reach}, nullptr));
  finish();
  std::vector<double> want_score(size_t(layers) * visual, -1), want_order(size_t(layers) * visual, -1);
  for (int l = 0; l < layers; l++) {
    std::vector<double> mine = part_of(sums, l, kv, shown);
    if (scaled) mine = ref::scale_by_length(mine, std::vector<double>(lengths.begin() + l * shown, lengths.begin() + (l + 1) * shown));
    const std::vector<double> shared = ref::share_with_neighbours(mine, row, reach);
    for (int c = 0; c < shown; c++) {
      want_score[l * visual + shown_at[c]] = mine[c];
      want_order[l * visual + shown_at[c]] = shared[c];
    }
  }
  verdict.near("collected scores", score.read(), want_score, 1e-6);
  verdict.near("collected order", order.read(), want_order, 1e-6);
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
    check_soft(verdict, one, name + " soft", false);
    check_soft(verdict, one, name + " soft saved", true);
    check_soft(verdict, wide, name + " soft wide", true);
    TestPrompt sink(h, 2, 5, 131, 9, random, 20);
    check_soft(verdict, sink, name + " soft beside a sink", true, true);
    check_lengths(verdict, one, name);
  }
  for (int reach : {0, 1, 3})
    for (bool scaled : {false, true})
      for (bool padded : {false, true}) check_collect(verdict, random, reach, scaled, padded);
  return verdict.report("score");
}
