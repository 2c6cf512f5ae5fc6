// rms_norm and layer_norm against the reference, in place and not. Rows have a mean that a variance in float32 must not drown in.
#include "../src/norm.h"

#include "../ref/norm.h"
#include "matrices.h"

using namespace aircache;

template <class T>
static void check(Verdict& verdict, Random& random, int rows, int cols, int skew, bool in_place) {
  const float eps = 1e-6f;
  std::vector<T> x = random_values<T>(random, size_t(rows) * cols, 2);
  for (T& v : x) {
    if constexpr (sizeof(T) == 4) v += 5;
    else v = __float2bfloat16(float(value_of(v)) + 5);
  }
  const std::vector<T> weight = random_values<T>(random, cols), bias = random_values<T>(random, cols);
  const Laid<T> w(1, cols, weight, skew), b(1, cols, bias, skew);
  const auto run = [&](const std::string& name, const std::vector<double>& want, auto norm) {
    const Laid<T> in(rows, cols, x, skew), out(rows, cols, skew);
    const Laid<T>& to = in_place ? in : out;
    REQUIRE(norm(to.matrix(), in.matrix()));
    finish();
    verdict.near(name + (in_place ? " in place" : ""), to.read(verdict, name), want, 2 * rounding_of<T>());
  };
  run(named("rms_norm", name_of<T>(), rows, cols, skew), ref::rms_norm(doubles(x), doubles(weight), eps),
      [&](const Matrix& to, const Matrix& from) { return run_rms_norm(to, from, w.matrix(), eps, nullptr); });
  run(named("layer_norm", name_of<T>(), rows, cols, skew), ref::layer_norm(doubles(x), doubles(weight), doubles(bias), eps),
      [&](const Matrix& to, const Matrix& from) { return run_layer_norm(to, from, w.matrix(), b.matrix(), eps, nullptr); });
}

int main() {
  Random random;
  Verdict verdict;
  for (int cols : kWidths)
    for (int rows : {1, 33}) {
      const int skew = random.below(2);
      const bool in_place = random.below(2);
      check<bf16>(verdict, random, rows, cols, skew, in_place);
      check<bf16>(verdict, random, rows, cols, 1 - skew, !in_place);
      check<float>(verdict, random, rows, cols, skew, !in_place);
    }
  const Laid<bf16> none(0, 64), weight(1, 64), other(1, 64);
  REQUIRE(run_rms_norm(none.matrix(), none.matrix(), weight.matrix(), 1e-6f, nullptr));
  const Laid<float> wrong(1, 64);
  if (run_rms_norm(other.matrix(), other.matrix(), wrong.matrix(), 1e-6f, nullptr) != cudaErrorInvalidValue) verdict.fail("a weight of another type was taken");
  return verdict.report("norm");
}
