// attend_decode against the reference over ragged lengths: bf16 operands, so 1e-2 of the norm is the bound; and bit for bit
// the same in every run.
#include "../ref/attend.h"

#include "../src/attend_decode.h"
#include "step.h"

using namespace aircache;

struct Room {
  Buffer<DecodeStart> start;
  Buffer<int> arrived;
  Buffer<float> partial;
  DecodeWork work;

  Room(const StepShape& shape, int blocks, int least_pages)
      : start(size_t(shape.layers) * blocks), arrived(shape.rows.size() * shape.heads.kv), partial(size_t(2) * blocks * decode_partial_floats(shape.heads.dim)) {
    arrived.clear();
    work = {start.data, arrived.data, partial.data, blocks, least_pages};
  }
};

static void check(Verdict& verdict, Random& random, const std::string& name, const StepShape& shape, int blocks, int least_pages) {
  TestStep step(shape, random);
  const Heads h = shape.heads;
  const std::vector<bf16> pool = cached_values(shape, step, random, 1), qkv = random.normals(shape.rows.size() * h.width());
  Buffer<bf16> device_pool(pool), device_qkv(qkv), dst(shape.rows.size() * h.query * h.dim);
  Room room(shape, blocks, least_pages);
  ref::Cache cache{h, widen(pool)};
  REQUIRE(plan_decode_step(step.device(), room.work, h.kv, nullptr));
  for (int layer = 0; layer < shape.layers; layer++) {
    const std::vector<double> want = ref::attend(widen(qkv), cache, step.host, layer);
    std::vector<double> before;
    for (int run = 0; run < 2; run++) {
      dst.poison();
      REQUIRE(run_attend_decode({dst.data, device_qkv.data, device_pool.data, step.device(), room.work, layer, h, false, 0}, nullptr));
      finish();
      const std::vector<double> got = widen(dst.read());
      verdict.near(name, got, want, 1e-2);
      if (run == 1) verdict.same(name + " again", got, before);
      before = got;
    }
  }
}

int main() {
  Random random;
  Verdict verdict;
  for (Heads h : {Heads{28, 4, 128}, Heads{4, 2, 64}, Heads{3, 3, 64}, Heads{8, 1, 128}, Heads{4, 1, 128}}) {
    const std::string name = std::to_string(h.query) + "/" + std::to_string(h.kv) + "x" + std::to_string(h.dim);
    check(verdict, random, name + " one row", {h, 1, {1}, {{0}}}, 6, 1);
    check(verdict, random, name + " ragged", {h, 2, {1, 1, 1, 1, 1}, {{0, 15, kNoPages, 33, 400}, {kNoPages, 31, 16, 1, 30}}}, 7, 1);
    check(verdict, random, name + " one long", {h, 1, {1}, {{1030}}}, 16, 2);
    check(verdict, random, name + " few blocks", {h, 1, {1, 1, 1}, {{70, 200, 5}}}, 1, 16);
  }
  const SmallGpu small(99 << 10);
  check(verdict, random, "two stages", {{28, 4, 128}, 1, {1, 1, 1}, {{0, 333, 70}}}, 5, 2);
  return verdict.report("attend_decode");
}
