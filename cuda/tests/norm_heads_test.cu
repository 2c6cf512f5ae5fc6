// norm_heads against the reference of rms_norm: queries and keys within one rounding to bf16, values as they were.
#include "../src/norm_heads.h"

#include "../ref/norm.h"
#include "matrices.h"

using namespace aircache;

struct Shape { int queries, query_cols, keys, key_cols, values; };

static void check(Verdict& verdict, Random& random, Shape s, int rows, int skew) {
  const int width = s.queries * s.query_cols + s.keys * s.key_cols + s.values;
  const std::string name = "norm_heads " + std::to_string(s.queries) + "x" + std::to_string(s.query_cols) + " " + std::to_string(s.keys) + "x" + std::to_string(s.key_cols) + " " +
                           std::to_string(rows) + " rows" + (skew ? " skewed" : "");
  const std::vector<bf16> qkv = random_values<bf16>(random, size_t(rows) * width), query = random_values<bf16>(random, s.query_cols), key = random_values<bf16>(random, s.key_cols);
  const Laid<bf16> x(rows, width, qkv, skew);
  Buffer<bf16> query_weight(query), key_weight(key);
  std::vector<double> want = doubles(qkv);
  for (int row = 0; row < rows; row++)
    for (int norm = 0, at = row * width; norm < s.queries + s.keys; norm++) {
      const bool asks = norm < s.queries;
      const int cols = asks ? s.query_cols : s.key_cols;
      const std::vector<double> part(want.begin() + at, want.begin() + at + cols);
      const std::vector<double> normed = ref::rms_norm(part, doubles(asks ? query : key), 1e-6);
      std::copy(normed.begin(), normed.end(), want.begin() + at);
      at += cols;
    }
  REQUIRE(run_norm_heads({values<bf16>(x.matrix()), query_weight.data, key_weight.data, rows, width, s.queries, s.query_cols, s.keys, s.key_cols, 1e-6f}, nullptr));
  finish();
  verdict.near(name, x.read(verdict, name), want, 4e-3);
}

int main() {
  Random random;
  Verdict verdict;
  for (Shape s : {Shape{32, 128, 8, 128, 1024}, Shape{1, 3200, 1, 3200, 3200}, Shape{3, 30, 1, 30, 30}, Shape{1, 1, 1, 1, 1}, Shape{4, 64, 2, 64, 128}})
    for (int rows : {1, 31, 33})
      for (int skew : {0, 1}) check(verdict, random, s, rows, skew);
  if (run_norm_heads({nullptr, nullptr, nullptr, 1, 8, 2, 4, 1, 4, 0}, nullptr) != cudaErrorInvalidValue) verdict.fail("norm_heads: more than a row is not refused");
  return verdict.report("norm_heads");
}
