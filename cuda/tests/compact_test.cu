// compact moves bits: kept rows must be equal, and no page but the fresh ones may change.
#include "../src/compact.h"

#include "prompt.h"

using namespace aircache;

static void check(Verdict& verdict, Random& random, Heads h, int layers, int before, int picture, int after, int keep) {
  const std::string name = "keeping " + std::to_string(keep) + " of " + std::to_string(picture);
  TestPrompt prompt(h, layers, before, picture, after, random);
  std::vector<int> text, budget, to, kept(size_t(layers) * picture, -7);
  for (int row = 0; row < prompt.rows; row++)
    if (row < before || row >= before + picture) text.push_back(row);
  std::vector<std::vector<int>> wanted_rows;
  int fresh_pages = 0;
  for (int l = 0; l < layers; l++) {
    const int k = std::min(picture, keep + l);
    std::vector<int> chosen = random.permutation(picture);
    chosen.resize(k);
    std::sort(chosen.begin(), chosen.end());
    std::copy(chosen.begin(), chosen.end(), kept.begin() + l * picture);
    std::vector<int> rows = text;
    for (int v : chosen) rows.push_back(prompt.visual[v]);
    std::sort(rows.begin(), rows.end());
    wanted_rows.push_back(rows);
    budget.push_back(k);
    to.push_back(fresh_pages);
    fresh_pages += pages_for(int(rows.size()));
  }
  // The pool grows by the fresh pages; their numbers are dealt out in random order.
  const size_t page_values = size_t(2) * h.kv * kPageTokens * h.dim;
  std::vector<bf16> pool = prompt.pool->read();
  const int old_pages = int(pool.size() / page_values);
  pool.resize(size_t(old_pages + fresh_pages) * page_values, __float2bfloat16(NAN));
  std::vector<int> fresh = random.permutation(fresh_pages);
  for (int& page : fresh) page += old_pages;

  Buffer<bf16> device_pool(pool);
  Buffer<int> device_fresh(fresh), device_to(to), device_text(text), device_kept(kept), device_budget(budget);
  REQUIRE(run_compact({device_pool.data, prompt.step->pages->data, prompt.step->table->data, device_fresh.data, device_to.data, prompt.visual_rows->data,
                       device_text.data, device_kept.data, device_budget.data, layers, picture, int(text.size()), h}, nullptr));
  finish();
  for (int l = 0; l < layers; l++)
    for (size_t i = 0; i < wanted_rows[l].size(); i++) {
      const int row = wanted_rows[l][i];
      for (int part = 0; part < 2 * h.kv; part++)
        for (int d = 0; d < h.dim; d++)
          pool[((size_t(fresh[to[l] + i / kPageTokens]) * 2 * h.kv + part) * kPageTokens + i % kPageTokens) * h.dim + d] =
              pool[((size_t(prompt.step->host.page(l, 0, row)) * 2 * h.kv + part) * kPageTokens + row % kPageTokens) * h.dim + d];
    }
  auto bits = [](const std::vector<bf16>& v) {
    std::vector<int> out(v.size());
    for (size_t i = 0; i < v.size(); i++) out[i] = std::isnan(value_of(v[i])) ? -1 : int(__bfloat16_as_ushort(v[i]));
    return out;
  };
  verdict.same(name, bits(device_pool.read()), bits(pool));
}

int main() {
  Random random;
  Verdict verdict;
  for (Heads h : {Heads{28, 4, 128}, Heads{4, 2, 64}}) {
    check(verdict, random, h, 3, 5, 100, 9, 10);
    check(verdict, random, h, 2, 0, 64, 1, 1);
    check(verdict, random, h, 2, 17, 33, 0, 33);
    check(verdict, random, h, 1, 3, 300, 31, 299);
  }
  return verdict.report("compact");
}
