// Linears of few rows against the reference: one rounding to the result's type. A row's results are the same bits in every batch.
#include <memory>

#include "../ref/linear.h"

#include "../src/linear.h"
#include "step.h"

using namespace aircache;

struct Case {
  int m, n, k;
  bool bias, add, exact;
  std::string name() const {
    return std::to_string(m) + " x " + std::to_string(n) + " x " + std::to_string(k) + (bias ? " bias" : "") + (add ? " add" : "") + (exact ? " float32" : "");
  }
};

static Matrix matrix(Buffer<bf16>& b, int rows, int cols) { return {b.data, rows, cols, AIRCACHE_BF16, 0}; }

template <class Out, class Run>
static void check(Verdict& verdict, Random& random, const std::string& op, const Case& c, Run run) {
  const std::vector<bf16> x = random.normals(size_t(c.m) * c.k), w = random.normals(size_t(c.n) * c.k, 0.1f), bias = c.bias ? random.normals(c.n) : std::vector<bf16>();
  std::vector<Out> before;
  for (int i = 0; i < c.m * c.n; i++) before.push_back(Out(random.normal()));
  std::vector<double> want(before.size());
  for (size_t i = 0; i < want.size(); i++) want[i] = value_of(before[i]);
  ref::linear(want, widen(x), widen(w), widen(bias), c.m, c.n, c.k, c.add);
  Buffer<bf16> dx(x), dw(w), db(bias);
  Buffer<Out> dst(size_t(c.m) * c.n + 8);  // what lies behind stays NaN
  if (c.add) dst.write(before);
  const Matrix none{nullptr, 0, 0, AIRCACHE_BF16, 0};
  REQUIRE(run(Matrix{dst.data, c.m, c.n, c.exact ? AIRCACHE_F32 : AIRCACHE_BF16, 0}, matrix(dx, c.m, c.k), matrix(dw, c.n, c.k), c.bias ? matrix(db, 1, c.n) : none, c.add));
  finish();
  std::vector<Out> got = dst.read();
  for (size_t i = want.size(); i < got.size(); i++)
    if (!std::isnan(value_of(got[i]))) verdict.fail(op + " " + c.name() + ": wrote behind the result");
  got.resize(want.size());
  verdict.near(op + " " + c.name(), got, want, c.exact ? 5e-6 : 2.5e-3);
}

template <class Run>
static void check(Verdict& verdict, Random& random, const std::string& op, const Case& c, Run run) {
  if (c.exact) check<float>(verdict, random, op, c, run);
  else check<bf16>(verdict, random, op, c, run);
}

// same_in_every_batch: rows of a batch of 32, one at a time, some at a time, and again.
static void same_in_every_batch(Verdict& verdict, Random& random, int multiprocessors) {
  const int n = 200, k = 520;
  Buffer<bf16> x(random.normals(size_t(32) * k)), w(random.normals(size_t(n) * k, 0.1f));
  Buffer<float> dst(size_t(32) * n);
  const auto run = [&](int m) {
    dst.poison();
    REQUIRE(run_linear_stream(Matrix{dst.data, m, n, AIRCACHE_F32, 0}, matrix(x, m, k), matrix(w, n, k), Matrix{}, false, multiprocessors, nullptr));
    finish();
    std::vector<float> all = dst.read();
    all.resize(size_t(m) * n);
    return all;
  };
  const std::vector<float> whole = run(32);
  for (int m : {1, 8, 11, 24, 32}) verdict.same("rows of a batch of " + std::to_string(m), run(m), std::vector<float>(whole.begin(), whole.begin() + size_t(m) * n));
}

int main() {
  Random random;
  Verdict verdict;
  const bool few = std::getenv("AIRCACHE_FEW") != nullptr;
  std::vector<Case> cases;
  for (int m : {1, 2, 7, 8, 9, 16, 17, 31, 32}) cases.push_back({m, 8 * (1 + random.below(40)), 8 * (1 + random.below(60)), m % 2 == 0, m % 3 == 0, m % 4 == 1});
  cases.push_back({5, 331, 1000, true, true, false});  // columns that are no pairs
  cases.push_back({3, 1, 8, true, false, true});
  cases.push_back({32, 129, 2056, false, true, true});
  for (int multiprocessors : {1, 9, 132})
    for (bool small : {false, true}) {
      const std::unique_ptr<SmallGpu> gpu(small ? new SmallGpu(99 << 10) : nullptr);  // blocks that cannot share their memory's place
      const std::string op = "stream, " + std::to_string(multiprocessors) + " multiprocessors" + (small ? " of a small GPU:" : ":");
      for (const Case& c : cases) {
        if (few && c.m % 8 != 1) continue;
        check(verdict, random, op, c, [&](auto... operands) { return run_linear_stream(operands..., multiprocessors, nullptr); });
      }
      if (!few) same_in_every_batch(verdict, random, multiprocessors);
    }
  if (few) return verdict.report("linear");  // what the library's kernels do is not ours to check
  Linear linear;
  std::string missing;
  if (!linear.open(&missing)) std::printf("without cuBLASLt (%s)\n", missing.c_str());
  for (const Case& c : {Case{1, 512, 256, true, true, false}, Case{32, 264, 1032, true, false, true}, Case{33, 256, 512, true, true, false}, Case{6, 13, 24, false, true, false}, Case{6, 16, 9, true, false, false}})
    for (int turn = 0; turn < 2; turn++) {
      std::string why;
      check(verdict, random, "chosen", c, [&](auto... operands) { return linear.run(operands..., true, nullptr, &why); });
      if (!why.empty()) verdict.fail(why);
    }
  return verdict.report("linear");
}
