// gather, scatter and embed move bits: results must be equal. blend and angles are compared with the reference.
#include "../src/rows.h"

#include "../ref/rows.h"
#include "matrices.h"

using namespace aircache;

template <class T>
static void check_moves(Verdict& verdict, Random& random, int count, int cols, int beyond, int skew) {
  const std::string what = named("rows", name_of<T>(), count, cols, skew) + " of " + std::to_string(cols + beyond);
  const int rows = count + 5;
  std::vector<int> list = random.permutation(rows);
  list.resize(count);
  const std::vector<T> all = random_values<T>(random, size_t(rows) * (cols + beyond));
  const Laid<T> src(rows, cols + beyond, all, skew), dst(count, cols, skew);
  const Buffer<int> device_list(list);
  REQUIRE(run_gather(dst.matrix(), src.matrix(), device_list.data, nullptr));
  finish();
  std::vector<double> want;
  for (int row : list)
    for (int c = 0; c < cols; c++) want.push_back(value_of(all[size_t(row) * (cols + beyond) + c]));
  const std::vector<T> gathered = dst.read(verdict, "gathering " + what);
  verdict.same("gathering " + what, doubles(gathered), want);

  // Back again, reversed: other rows, and columns beyond, stay as they were.
  std::vector<double> after = doubles(all);
  const std::vector<int> back(list.rbegin(), list.rend());
  const Buffer<int> device_back(back);
  for (int i = 0; i < count; i++)
    for (int c = 0; c < cols; c++) after[size_t(back[i]) * (cols + beyond) + c] = value_of(gathered[size_t(i) * cols + c]);
  REQUIRE(run_scatter(src.matrix(), dst.matrix(), device_back.data, nullptr));
  finish();
  verdict.same("scattering " + what, doubles(src.read(verdict, "scattering " + what)), after);
}

template <class T>
static void check_embed(Verdict& verdict, Random& random, int count, int cols, int skew) {
  const std::string name = named("embedding", name_of<T>(), count, cols, skew);
  const int vocab = 37;
  const std::vector<T> rows = random_values<T>(random, size_t(vocab) * cols);
  const Laid<T> table(vocab, cols, rows, skew), dst(count, cols, skew);
  std::vector<int> last = random.permutation(vocab), tokens(count);
  std::vector<double> want;
  for (int& token : tokens) {
    const int slot = random.below(vocab);
    token = random.below(2) ? -1 - slot : slot;  // sampled into a slot, or known
    const int id = token < 0 ? last[slot] : token;
    for (int c = 0; c < cols; c++) want.push_back(value_of(rows[size_t(id) * cols + c]));
  }
  const Buffer<int> device_tokens(tokens), device_last(last);
  REQUIRE(run_embed(dst.matrix(), table.matrix(), device_tokens.data, device_last.data, nullptr));
  finish();
  verdict.same(name, doubles(dst.read(verdict, name)), want);
}

template <class T>
static void check_blend(Verdict& verdict, Random& random, int count, int cols, int taps, int skew) {
  const std::string name = named("blending", name_of<T>(), count, cols, skew) + " of " + std::to_string(taps);
  const int rows = 19;
  std::vector<T> all = random_values<T>(random, size_t(rows) * cols);
  for (T& v : all) v = value_of(v) < 0 ? -v : v;  // nothing cancels, so that the error of a sum is that of its rounding
  std::vector<int> list(size_t(count) * taps);
  std::vector<float> shares(list.size());
  for (size_t i = 0; i < list.size(); i++) list[i] = random.below(rows), shares[i] = std::fabs(random.normal());
  const Laid<T> src(rows, cols, all, skew), dst(count, cols, skew);
  const Buffer<int> device_list(list);
  const Buffer<float> device_shares(shares);
  REQUIRE(run_blend(dst.matrix(), src.matrix(), device_list.data, device_shares.data, taps, nullptr));
  finish();
  verdict.near(name, dst.read(verdict, name), ref::blend(doubles(all), list, shares, taps, cols), rounding_of<T>());
}

static void check_angles(Verdict& verdict, Random& random, int count, int half) {
  const std::string name = named("angles", "f32", count, half, 0);
  std::vector<float> inverse(half);
  for (int i = 0; i < half; i++) inverse[i] = std::pow(1e6f, -float(i) / float(half));
  std::vector<int> position(count);
  for (int& p : position) p = random.below(1 << 17);
  position[0] = 0;
  const Laid<float> in(1, half, inverse), out(count, 2 * half);
  const Buffer<int> device_position(position);
  REQUIRE(run_angles(out.matrix(), in.matrix(), device_position.data, nullptr));
  finish();
  verdict.near(name, out.read(verdict, name), ref::angles(inverse, position), 1e-6);
}

int main() {
  Random random;
  Verdict verdict;
  for (int cols : kWidths)
    for (int count : {1, 33}) {
      const int skew = random.below(2);
      check_moves<bf16>(verdict, random, count, cols, 0, skew);
      check_moves<bf16>(verdict, random, count, cols, 1 + random.below(40), 1 - skew);
      check_moves<bf16>(verdict, random, count, cols, 8, 0);
      check_moves<float>(verdict, random, count, cols, random.below(3), skew);
      check_embed<bf16>(verdict, random, count, cols, skew);
      check_embed<float>(verdict, random, count, cols, 1 - skew);
      check_blend<bf16>(verdict, random, count, cols, 4, skew);
      check_blend<bf16>(verdict, random, count, cols, 1, 1 - skew);
      check_blend<float>(verdict, random, count, cols, 3, skew);
    }
  for (int half : {1, 16, 31, 32, 36, 64})
    for (int count : {1, 31, 4097 / half}) check_angles(verdict, random, count, half);
  const Laid<bf16> narrow(1, 8);
  const Laid<float> wide(1, 8);
  if (run_gather(narrow.matrix(), wide.matrix(), nullptr, nullptr) != cudaErrorInvalidValue) verdict.fail("rows of another type were gathered");
  return verdict.report("rows");
}
