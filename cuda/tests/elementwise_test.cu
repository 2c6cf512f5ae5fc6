// add, activate, gated_silu and convert against the reference; a conversion must be the one rounding that its type has.
#include "../src/elementwise.h"

#include <cstring>

#include "../ref/elementwise.h"
#include "matrices.h"

using namespace aircache;

template <class T, class X>
static void check_add(Verdict& verdict, Random& random, int rows, int repeats, int cols, int skew) {
  const std::string name = named("add", name_of<T>(), rows * repeats, cols, skew) + " to " + std::to_string(rows) + " rows of " + name_of<X>();
  const std::vector<T> dst = random_values<T>(random, size_t(rows) * repeats * cols);
  const std::vector<X> x = random_values<X>(random, size_t(rows) * cols);
  const Laid<T> to(rows * repeats, cols, dst, skew);
  const Laid<X> from(rows, cols, x, skew);
  std::vector<double> want = doubles(dst);
  ref::add_repeated(want, doubles(x));
  REQUIRE(run_add(to.matrix(), from.matrix(), nullptr));
  finish();
  verdict.near(name, to.read(verdict, name), want, rounding_of<T>());
}

template <class T>
static void check_activate(Verdict& verdict, Random& random, int rows, int cols, int skew) {
  std::vector<T> x = random_values<T>(random, size_t(rows) * cols, 3);
  if constexpr (sizeof(T) == 4) x.front() = -40, x.back() = 40;  // far out, where exp overflows
  else x.back() = __float2bfloat16(3);                            // errors are beside it: 1 + erf(-4) has few digits in float32
  double (*const functions[])(double) = {ref::gelu, ref::gelu_tanh, ref::quick_gelu};
  const char* const names[] = {"gelu", "gelu_tanh", "quick_gelu"};
  for (int function : {0, 1, 2}) {
    const std::string name = named(names[function], name_of<T>(), rows, cols, skew);
    const Laid<T> in(rows, cols, x, skew);
    std::vector<double> want = doubles(x);
    for (double& v : want) v = functions[function](v);
    REQUIRE(run_activate(in.matrix(), function, nullptr));
    finish();
    verdict.near(name, in.read(verdict, name), want, rounding_of<T>());
  }
}

template <class T>
static void check_gate(Verdict& verdict, Random& random, int rows, int cols, int skew) {
  const std::string name = named("gated_silu", name_of<T>(), rows, cols, skew);
  std::vector<T> x = random_values<T>(random, size_t(rows) * 2 * cols, 3);
  if constexpr (sizeof(T) == 4) x[0] = cols > 1 ? -100 : 1;  // exp(100) is infinite: the gate is 0, not NaN
  const Laid<T> in(rows, 2 * cols, x, skew), out(rows, cols, skew);
  REQUIRE(run_gated_silu(out.matrix(), in.matrix(), nullptr));
  finish();
  verdict.near(name, out.read(verdict, name), ref::gated_silu(doubles(x), rows, cols), rounding_of<T>());
}

// rounded is what one rounding makes of a value: to the nearest, ties to even. Built on bits, not on the conversions under test.
static uint16_t rounded(float v) {
  uint32_t bits;
  std::memcpy(&bits, &v, 4);
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// widened is an IEEE half as a double: 1 sign bit, 5 of exponent, 10 of fraction.
static double widened(uint16_t h) {
  const int exponent = h >> 10 & 31, fraction = h & 1023;
  const double size = exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24);
  return h >> 15 ? -size : size;
}

static void check_convert(Verdict& verdict, Random& random, int64_t n, int skew) {
  const std::string name = std::to_string(n) + " values" + (skew ? " skewed" : "");
  const auto bits_of = [](const std::vector<bf16>& v) {
    std::vector<int> out(v.size());
    for (size_t i = 0; i < v.size(); i++) out[i] = __bfloat16_as_ushort(v[i]);
    return out;
  };
  const std::vector<float> x = random_values<float>(random, n, 100);
  const Laid<float> from(1, int(n), x, skew), back(1, int(n), skew);
  const Laid<bf16> to(1, int(n), skew);
  REQUIRE(run_convert(to.matrix().data, AIRCACHE_BF16, from.matrix().data, AIRCACHE_F32, n, nullptr));
  finish();
  const std::vector<bf16> narrow = to.read(verdict, "f32 to bf16, " + name);
  std::vector<int> want(n);
  for (int64_t i = 0; i < n; i++) want[i] = rounded(x[i]);
  verdict.same("f32 to bf16, " + name, bits_of(narrow), want);

  REQUIRE(run_convert(back.matrix().data, AIRCACHE_F32, to.matrix().data, AIRCACHE_BF16, n, nullptr));
  finish();
  verdict.same("bf16 to f32, " + name, doubles(back.read(verdict, "bf16 to f32, " + name)), doubles(narrow));

  std::vector<uint16_t> half(n);
  std::vector<double> wide(n);
  for (int64_t i = 0; i < n; i++) {
    half[i] = uint16_t(random.below(1 << 16));
    if ((half[i] >> 10 & 31) == 31) half[i] ^= 1 << 14;  // no infinities, no NaN
    wide[i] = widened(half[i]);
  }
  Buffer<uint16_t> halves(half);
  REQUIRE(run_convert(back.matrix().data, AIRCACHE_F32, halves.data, AIRCACHE_F16, n, nullptr));
  finish();
  verdict.same("f16 to f32, " + name, doubles(back.read(verdict, "f16 to f32, " + name)), wide);
  REQUIRE(run_convert(to.matrix().data, AIRCACHE_BF16, halves.data, AIRCACHE_F16, n, nullptr));
  finish();
  for (int64_t i = 0; i < n; i++) want[i] = rounded(float(wide[i]));
  verdict.same("f16 to bf16, " + name, bits_of(to.read(verdict, "f16 to bf16, " + name)), want);
}

int main() {
  Random random;
  Verdict verdict;
  for (int cols : kWidths) {
    const int skew = random.below(2), rows = 1 + random.below(5);
    check_add<bf16, bf16>(verdict, random, rows, 1, cols, skew);
    check_add<bf16, bf16>(verdict, random, 1, 31, cols, 1 - skew);
    check_add<bf16, float>(verdict, random, rows, 3, cols, skew);
    check_add<float, bf16>(verdict, random, rows, 2, cols, 1 - skew);
    check_add<float, float>(verdict, random, rows, 3, cols, 0);
    check_activate<bf16>(verdict, random, rows, cols, skew);
    check_activate<bf16>(verdict, random, 33, cols, 1 - skew);
    check_activate<float>(verdict, random, rows, cols, skew);
    check_gate<bf16>(verdict, random, rows, cols, skew);
    check_gate<bf16>(verdict, random, 33, cols, 1 - skew);
    check_gate<float>(verdict, random, rows, cols, skew);
    check_convert(verdict, random, cols, 0);
    check_convert(verdict, random, cols, 1);
  }
  const Laid<bf16> one(1, 8);
  if (run_activate(one.matrix(), 3, nullptr) != cudaErrorInvalidValue || run_activate(one.matrix(), -1, nullptr) != cudaErrorInvalidValue) verdict.fail("an activation that does not exist was taken");
  return verdict.report("elementwise");
}
