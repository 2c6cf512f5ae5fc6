// turn against the reference: queries and keys within one rounding to bf16, values as they were.
#include "../src/turn.h"

#include "../ref/turn.h"
#include "matrices.h"

using namespace aircache;

static void check(Verdict& verdict, Random& random, Heads h, int rows, int skew) {
  const std::string name = "turn " + std::to_string(h.query) + "/" + std::to_string(h.kv) + "x" + std::to_string(h.dim) + " " + std::to_string(rows) + " rows" + (skew ? " skewed" : "");
  const std::vector<bf16> qkv = random_values<bf16>(random, size_t(rows) * h.width());
  std::vector<float> angles = random_values<float>(random, size_t(rows) * h.dim);
  const Laid<bf16> x(rows, h.width(), qkv, skew);
  Buffer<float> turned_by(angles);
  std::vector<double> want = doubles(qkv);
  ref::turn(want, angles, rows, h.query + h.kv, h.dim, h.width());
  REQUIRE(run_turn({values<bf16>(x.matrix()), turned_by.data, rows, h}, nullptr));
  finish();
  verdict.near(name, x.read(verdict, name), want, 4e-3);
}

int main() {
  Random random;
  Verdict verdict;
  for (Heads h : {Heads{16, 16, 80}, Heads{4, 4, 72}, Heads{1, 1, 2}, Heads{3, 1, 30}, Heads{28, 4, 128}})
    for (int rows : {1, 31, 33})
      for (int skew : {0, 1}) check(verdict, random, h, rows, skew);
  check(verdict, random, {2, 2, 16}, 4097, 0);
  if (run_turn({nullptr, nullptr, 1, {1, 1, 3}}, nullptr) != cudaErrorInvalidValue) verdict.fail("turn: an odd head dim is not refused");
  return verdict.report("turn");
}
