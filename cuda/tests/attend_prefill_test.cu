// attend_prefill and mix against the references at lengths around the tiles' edges. Operands and weights are bf16: 1e-2.
#include "../ref/attend.h"

#include "../src/attend_prefill.h"
#include "../src/cudnn_fused.h"
#include "step.h"

using namespace aircache;

static std::string name_of(Heads h) { return std::to_string(h.query) + "/" + std::to_string(h.kv) + "x" + std::to_string(h.dim); }

static void check_prompt(Verdict& verdict, Random& random, const std::string& name, const StepShape& shape) {
  TestStep step(shape, random);
  const Heads h = shape.heads;
  const size_t rows = step.host.row_sequence.size();
  const std::vector<bf16> pool = cached_values(shape, step, random, 1), qkv = random.normals(rows * h.width());
  Buffer<bf16> device_pool(pool), device_qkv(qkv), dst(rows * h.query * h.dim);
  Buffer<float> log_sum(rows * h.query);
  ref::Cache cache{h, widen(pool)};
  const int most = *std::max_element(shape.rows.begin(), shape.rows.end());
  for (int layer = 0; layer < shape.layers; layer++) {
    dst.poison();
    log_sum.clear();
    REQUIRE(run_attend_prefill({dst.data, device_qkv.data, device_pool.data, step.device(), layer, h, most, log_sum.data, 0}, nullptr));
    finish();
    std::vector<double> want_sum(rows * h.query);
    verdict.near(name, dst.read(), ref::attend(widen(qkv), cache, step.host, layer, &want_sum), 1e-2);
    verdict.near(name + " sums", log_sum.read(), want_sum, 1e-5);
  }
}

static void check_mix(Verdict& verdict, Random& random, Heads h, int sequences, int rows) {
  const std::vector<bf16> qkv = random.normals(size_t(sequences) * rows * h.width());
  Buffer<bf16> device_qkv(qkv), dst(size_t(sequences) * rows * h.query * h.dim);
  REQUIRE(run_mix({dst.data, device_qkv.data, sequences, rows, h, 0}, nullptr));
  finish();
  verdict.near("mix " + name_of(h) + " of " + std::to_string(rows), dst.read(), ref::mix(widen(qkv), sequences, rows, h), 1e-2);
}

#ifdef __CUDACC__

constexpr int kBehind = 200;  // rows of NaN behind a prompt's, which must not be read into an answer, nor written

// check_fused_prompt holds cuDNN's attention of one sequence against the reference.
static void check_fused_prompt(Verdict& verdict, Random& random, FusedAttention& fused, Heads h, int cached, int rows) {
  const StepShape shape{h, 1, {rows}, {{cached}}};
  TestStep step(shape, random);
  const std::string name = "cuDNN, " + name_of(h) + ", " + std::to_string(rows) + " rows behind " + std::to_string(cached);
  const std::vector<bf16> pool = cached_values(shape, step, random, 1);
  std::vector<bf16> qkv = random.normals(size_t(rows) * h.width());
  for (int row = 0; row < rows; row++)  // as append leaves it: new keys and values lie in both
    for (int part = 0; part < 2 * h.kv; part++) {
      const size_t page = step.host.page(0, 0, cached + row);
      std::copy_n(&pool[((page * 2 * h.kv + part) * kPageTokens + (cached + row) % kPageTokens) * h.dim], h.dim, &qkv[size_t(row) * h.width() + (h.query + part) * h.dim]);
    }
  std::vector<double> want_sum(size_t(rows) * h.query);
  ref::Cache cache{h, widen(pool)};
  const std::vector<double> want = ref::attend(widen(qkv), cache, step.host, 0, &want_sum);
  qkv.resize(size_t(rows + kBehind) * h.width(), __float2bfloat16(NAN));
  Buffer<bf16> device_pool(pool), device_qkv(qkv), dst(size_t(rows + kBehind) * h.query * h.dim);
  Buffer<float> log_sum(size_t(rows + kBehind) * h.query);
  for (bool sums : {true, false}) {
    dst.poison();
    bool taken = false;
    REQUIRE(fused.attend({dst.data, device_qkv.data, device_pool.data, step.device(), 0, h, rows, sums ? log_sum.data : nullptr, 0}, cached, step.pages->data, step.pool_pages, nullptr, &taken));
    finish();
    if (!taken) return verdict.fail(name + ": was left to ours");
    const std::vector<bf16> got = dst.read();
    verdict.near(name, got, want, 1e-2);
    verdict.unwritten(name + ", answers", got, want.size());
  }
  verdict.near(name + ", sums", log_sum.read(), want_sum, 1e-5);
  verdict.unwritten(name + ", sums", log_sum.read(), want_sum.size());
}

static void check_fused_mix(Verdict& verdict, Random& random, FusedAttention& fused, Heads h, int sequences, int rows) {
  const std::vector<bf16> qkv = random.normals(size_t(sequences) * rows * h.width());
  Buffer<bf16> device_qkv(qkv), dst(size_t(sequences) * rows * h.query * h.dim);
  bool taken = false;
  REQUIRE(fused.mix({dst.data, device_qkv.data, sequences, rows, h, 0}, nullptr, &taken));
  finish();
  const std::string name = "cuDNN, mix " + name_of(h) + ", " + std::to_string(sequences) + " of " + std::to_string(rows);
  if (!taken) return verdict.fail(name + ": was left to ours");
  verdict.near(name, dst.read(), ref::mix(widen(qkv), sequences, rows, h), 1e-2);
}

// check_far compares with ours, at the size of LLaVA-OneVision-7B, with pages whose values lie more than 2^31 behind the pool's first.
static void check_far(Verdict& verdict, Random& random, FusedAttention& fused) {
  const Heads h{28, 4, 128};
  const int cached = 1000, rows = 2100, pages = pages_for(cached + rows), all = 200000;
  const size_t page_values = 2 * h.kv * kPageTokens * h.dim;
  bf16* pool = nullptr;
  REQUIRE(cudaMalloc(reinterpret_cast<void**>(&pool), all * page_values * sizeof(bf16)));
  REQUIRE(cudaMemset(pool, 0xff, all * page_values * sizeof(bf16)));
  std::vector<int> table = random.permutation(pages);
  for (int& page : table) page = page % 2 ? page : all - 1 - page;
  for (int page : table) {
    const std::vector<bf16> values = random.normals(page_values);
    REQUIRE(cudaMemcpy(pool + page * page_values, values.data(), page_values * sizeof(bf16), cudaMemcpyHostToDevice));
  }
  Buffer<int> first_row(std::vector<int>{0, rows}), row_sequence(std::vector<int>(rows, 0)), host_cached(std::vector<int>{cached}), starts(std::vector<int>{0}), numbers(table);
  Buffer<bf16> qkv(random.normals(size_t(rows) * h.width())), dst(size_t(rows) * h.query * h.dim), want(size_t(rows) * h.query * h.dim);
  Buffer<float> sums(size_t(rows) * h.query), want_sums(size_t(rows) * h.query);
  const Batch batch{rows, 1, 1, first_row.data, row_sequence.data, host_cached.data, starts.data, numbers.data};
  bool taken = false;
  REQUIRE(fused.attend({dst.data, qkv.data, pool, batch, 0, h, rows, sums.data, 0}, cached, numbers.data, all, nullptr, &taken));
  REQUIRE(run_attend_prefill({want.data, qkv.data, pool, batch, 0, h, rows, want_sums.data, 0}, nullptr));
  finish();
  cudaFree(pool);
  if (!taken) return verdict.fail("cuDNN, a pool of 6 GB: was left to ours");
  verdict.near("cuDNN, a pool of 6 GB", dst.read(), want.read(), 1e-2);
  verdict.near("cuDNN, a pool of 6 GB, sums", sums.read(), want_sums.read(), 1e-5);
}

static void check_fused(Verdict& verdict, Random& random) {
  setenv("AIRCACHE_CUDNN", "always", 0);
  FusedAttention fused;
  std::string why;
  if (!fused.open(&why)) {
    std::printf("NOTE: cuDNN's attention was not tested: %s\n", why.c_str());
    return;
  }
  std::printf("cuDNN %d\n", fused.version());
  const bool few = std::getenv("AIRCACHE_FEW");
  for (Heads h : {Heads{7, 1, 128}, Heads{4, 2, 64}})
    for (int cached : {0, 1, 200})
      for (int rows : {1, 31, 33, 129, 511}) {
        if (!few || rows == 33) check_fused_prompt(verdict, random, fused, h, cached, rows);
      }
  for (int rows : {1, 31, 129, 300}) {
    if (few && rows != 129) continue;
    check_fused_mix(verdict, random, fused, {2, 2, 72}, 2, rows);
    check_fused_mix(verdict, random, fused, {4, 2, 64}, 3, rows);
    check_fused_mix(verdict, random, fused, {2, 2, 128}, 1, rows);
  }
  if (few) return;
  check_fused_prompt(verdict, random, fused, {2, 1, 64}, 0, 4097);
  check_fused_prompt(verdict, random, fused, {2, 1, 64}, 4097, 600);
  check_far(verdict, random, fused);
}

#endif

int main() {
  Random random;
  Verdict verdict;
  for (Heads h : {Heads{7, 1, 128}, Heads{2, 2, 64}}) {
    check_prompt(verdict, random, name_of(h) + " prompts", {h, 1, {1, 31, 128, 129}, {{0, 33, 0, 70}}});
    check_prompt(verdict, random, name_of(h) + " behind a cache", {h, 2, {65, 1}, {{200, kNoPages}, {63, 17}}});
  }
  for (int rows : {1, 31, 64, 129}) {
    check_mix(verdict, random, {2, 2, 72}, 2, rows);
    check_mix(verdict, random, {2, 2, 80}, 2, rows);
    check_mix(verdict, random, {2, 1, 64}, 1, rows);
  }
  check_mix(verdict, random, {2, 2, 128}, 1, 100);
  const SmallGpu small(99 << 10);
  check_prompt(verdict, random, "prompts in tiles of 32", {{7, 1, 128}, 1, {1, 31, 129}, {{0, 33, 70}}});
  check_mix(verdict, random, {2, 2, 128}, 1, 100);
#ifdef __CUDACC__
  check_fused(verdict, random);
#else
  std::printf("NOTE: cuDNN's attention was not tested: this is the simulation\n");
#endif
  return verdict.report("attend_prefill");
}
