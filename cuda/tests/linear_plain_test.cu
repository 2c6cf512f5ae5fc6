// linear_plain against the reference, with every combination of bias, addition and type of result.
#include "../src/linear.h"

#include "../ref/linear.h"
#include "matrices.h"
#ifndef __CUDACC__
#include "../kernels/linear_plain.cuh"
#endif

using namespace aircache;

template <class T, class Out>
static void check(Verdict& verdict, Random& random, int m, int n, int k) {
  const std::vector<T> x = random_values<T>(random, size_t(m) * k), w = random_values<T>(random, size_t(n) * k), bias = random_values<T>(random, n);
  const std::vector<Out> before = random_values<Out>(random, size_t(m) * n);
  const Laid<T> left(m, k, x, random.below(2)), right(n, k, w, random.below(2)), shift(1, n, bias, random.below(2));
  for (bool add : {false, true})
    for (bool with_bias : {false, true}) {
      const std::string name = named("product", name_of<T>(), m, n, 0) + "x" + std::to_string(k) + " to " + name_of<Out>() + (add ? ", added" : "") + (with_bias ? ", bias" : "");
      const Laid<Out> dst = add ? Laid<Out>(m, n, before, 1) : Laid<Out>(m, n, 1);
      std::vector<double> want = doubles(before);
      ref::linear(want, doubles(x), doubles(w), with_bias ? doubles(bias) : std::vector<double>(), m, n, k, add);
      REQUIRE(run_linear_plain(dst.matrix(), left.matrix(), right.matrix(), with_bias ? shift.matrix() : Matrix{nullptr, 0, 0, 0, 0}, add, nullptr));
      finish();
      verdict.near(name, dst.read(verdict, name), want, rounding_of<Out>());
    }
}

#ifndef __CUDACC__
// The simulation's launcher multiplies by other means: this runs the kernel itself, thread by thread.
static void check_kernel(Verdict& verdict, Random& random, int m, int n, int k) {
  const std::vector<float> x = random_values<float>(random, size_t(m) * k), w = random_values<float>(random, size_t(n) * k), bias = random_values<float>(random, n);
  const Laid<float> left(m, k, x), right(n, k, w), shift(1, n, bias), dst(m, n);
  const LinearParams<float, float> p{values<float>(dst.matrix()), values<float>(left.matrix()), values<float>(right.matrix()), values<float>(shift.matrix()), m, n, k, false};
  REQUIRE(launch(linear_plain<float, float>, dim3((n + kPlainTile - 1) / kPlainTile, (m + kPlainTile - 1) / kPlainTile), dim3(kPlainTile * kPlainTile), 0, nullptr, p));
  std::vector<double> want(size_t(m) * n);
  ref::linear(want, doubles(x), doubles(w), doubles(bias), m, n, k, false);
  verdict.near("the kernel itself", dst.read(verdict, "the kernel itself"), want, rounding_of<float>());
}
#endif

int main() {
  Random random;
  Verdict verdict;
  for (int k : {1, 31, 33, 4097}) {
    check<bf16, bf16>(verdict, random, 1, 33, k);
    check<bf16, bf16>(verdict, random, 31, 1, k);
    check<bf16, float>(verdict, random, 33, 31, k);
    check<float, float>(verdict, random, 17, 16, k);
#ifndef __CUDACC__
    if (k < 100) check_kernel(verdict, random, 33, 17, k);
#endif
  }
  const Laid<bf16> narrow(1, 8);
  const Laid<float> wide(1, 8);
  if (run_linear_plain(narrow.matrix(), narrow.matrix(), wide.matrix(), Matrix{nullptr, 0, 0, 0, 0}, false, nullptr) != cudaErrorInvalidValue) verdict.fail("weights of another type were taken");
  return verdict.report("linear_plain");
}
