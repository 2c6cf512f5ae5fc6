// pack_prompt: the table is filled to its end, the last page is cleared behind the last key, and nothing else changes.
#include "../src/packed_prompt.h"

#include "check.h"

using namespace aircache;

static void check(Verdict& verdict, Random& random, Heads h, int keys, int entries) {
  const std::string name = std::to_string(keys) + " keys";
  const int row = h.dim, part = kPageTokens * row, page = 2 * h.kv * part, all = pages_for(keys) + 3;
  const std::vector<int> pages = random.permutation(all);
  const std::vector<bf16> values = random.normals(size_t(all) * page);
  Buffer<int> list(std::vector<int>(pages.begin(), pages.begin() + pages_for(keys))), table(entries);
  Buffer<bf16> pool(values);
  Buffer<PackedLengths> lengths(1);
  const PackedLengths sent = {{5}, {keys}, {0, 1}, {0, 2}, {0, 3}, {0, 4}};
  REQUIRE(run_pack_prompt({lengths.data, table.data, entries, list.data, pool.data, h}, sent, nullptr));
  finish();
  std::vector<int> want_table(entries);
  for (int i = 0; i < entries; i++) want_table[i] = pages[std::min(i, pages_for(keys) - 1)];
  verdict.same(name + ": table", table.read(), want_table);
  std::vector<float> want, got;
  const int last = pages[pages_for(keys) - 1], used = keys - (pages_for(keys) - 1) * kPageTokens;
  for (size_t i = 0; i < values.size(); i++) want.push_back(int(i / page) == last && int(i % part) / row >= used ? 0 : __bfloat162float(values[i]));
  for (bf16 v : pool.read()) got.push_back(__bfloat162float(v));
  verdict.same(name + ": pages", got, want);
  const PackedLengths there = lengths.read()[0];
  verdict.same(name + ": lengths", std::vector<int>{there.rows[0], there.keys[0], there.row[1], there.key[1], there.answer[1], there.sum[1]}, {5, keys, 1, 2, 3, 4});
}

int main() {
  Random random;
  Verdict verdict;
  for (int keys : {1, 15, 16, 17, 200}) check(verdict, random, {4, 2, 64}, keys, 40);
  return verdict.report("packed_prompt");
}
