// take_rows, put_rows and spread_rows move bits: results must be equal, and nothing else in the pool may change.
#include "../src/page_rows.h"

#include "step.h"

using namespace aircache;

static void check(Verdict& verdict, Random& random, Heads h, int rows, int count, bool own_lists) {
  const std::string name = std::to_string(h.kv) + " heads x" + std::to_string(h.dim) + ", " + std::to_string(count) + " of " + std::to_string(rows) + " rows" + (own_lists ? " a head" : "");
  const StepShape shape{h, 1, {1}, {{rows - 1}}};
  TestStep step(shape, random);
  std::vector<bf16> pool = cached_values(shape, step, random, 1);
  const int lists = own_lists ? h.kv : 1;
  std::vector<int> row;
  for (int list = 0; list < lists; list++)
    for (int r : random.permutation(rows))
      if (int(row.size()) < (list + 1) * count) row.push_back(r);
  const auto at = [&](int r, bool value, int head) {
    return ((size_t(step.host.page(0, 0, r)) * 2 + value) * h.kv + head) * kPageTokens * h.dim + size_t(r % kPageTokens) * h.dim;
  };
  const auto bits = [](const std::vector<bf16>& v) {
    std::vector<int> out(v.size());
    for (size_t i = 0; i < v.size(); i++) out[i] = std::isnan(value_of(v[i])) ? -1 : int(__bfloat16_as_ushort(v[i]));
    return out;
  };
  const size_t half = size_t(h.kv) * count * h.dim;
  std::vector<bf16> want(2 * half);
  for (int value = 0; value < 2; value++)
    for (int head = 0; head < h.kv; head++)
      for (int i = 0; i < count; i++)
        for (int d = 0; d < h.dim; d++) want[value * half + (size_t(head) * count + i) * h.dim + d] = pool[at(row[(own_lists ? head * count : 0) + i], value != 0, head) + d];
  Buffer<bf16> device_pool(pool), packed(2 * half);
  const Buffer<int> device_row(row);
  REQUIRE(run_take_rows(packed.data, device_pool.data, step.pages->data, device_row.data, lists, count, h, nullptr));
  finish();
  verdict.same("taking " + name, bits(packed.read()), bits(want));

  Buffer<float> spread(half);
  for (int value = 0; value < 2; value++) {
    REQUIRE(run_spread_rows(spread.data, packed.data + value * half, count, h, nullptr));
    finish();
    std::vector<double> flat(half);
    for (size_t i = 0; i < half; i++) {
      const size_t head = i / h.dim % h.kv, r = i / (size_t(h.kv) * h.dim);
      flat[i] = value_of(want[value * half + (head * count + r) * h.dim + i % h.dim]);
    }
    verdict.same("spreading " + name, widen(spread.read()), flat);
  }

  // Put back they are rows 0, 1, .. of every head.
  for (int value = 0; value < 2; value++)
    for (int head = 0; head < h.kv; head++)
      for (int i = 0; i < count; i++)
        for (int d = 0; d < h.dim; d++) pool[at(i, value != 0, head) + d] = want[value * half + (size_t(head) * count + i) * h.dim + d];
  REQUIRE(run_put_rows(device_pool.data, step.pages->data, packed.data, count, h, nullptr));
  finish();
  verdict.same("putting " + name, bits(device_pool.read()), bits(pool));
}

int main() {
  Random random;
  Verdict verdict;
  for (Heads h : {Heads{28, 4, 128}, Heads{4, 2, 64}, Heads{3, 3, 72}})
    for (bool own_lists : {false, true}) {
      check(verdict, random, h, 1, 1, own_lists);
      check(verdict, random, h, 33, 31, own_lists);
      check(verdict, random, h, 100, 100, own_lists);
    }
  check(verdict, random, {1, 1, 8}, 4097, 4097, false);
  return verdict.report("page_rows");
}
