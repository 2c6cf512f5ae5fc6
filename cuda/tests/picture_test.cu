// Pictures against the reference: every value the same, over odd sizes, both orders, grounds, crops, tiles and patches.
#include "../ref/picture.h"

#include "../src/picture.h"
#include "check.h"

using namespace aircache;

struct DeviceTaps {
  Buffer<int> first, start, share;
  explicit DeviceTaps(const ref::Taps& t) : first(t.first), start(t.start), share(t.share) {}
  PictureTaps view() const { return {first.data, start.data, share.data, int(first.size)}; }
};

struct Shape {
  int width, height;          // of the picture
  PictureGround under;
  int to_width, to_height;    // resized; as they are: that direction has no taps
  ref::Curve curve;
  bool down_first;
  PictureGround on;
  PictureTiles tiles;
};

static std::string name_of(const Shape& s) {
  const auto size = [](int w, int h) { return std::to_string(w) + " x " + std::to_string(h); };
  return size(s.width, s.height) + " on " + size(s.under.width, s.under.height) + " to " + size(s.to_width, s.to_height) + " on " + size(s.on.width, s.on.height) +
         (s.down_first ? ", down first" : "") + ", patches of " + std::to_string(s.tiles.patch);
}

template <class T>
static void cut(Verdict& verdict, const std::string& name, const Shape& s, const PatchParams& wanted, int type, const std::vector<double>& want) {
  PatchParams p = wanted;
  const int cols = 3 * s.tiles.patch * s.tiles.patch;
  Buffer<T> dst(want.size());
  p.dst = {dst.data, int(want.size()) / cols, cols, type, 0};
  REQUIRE(run_cut_patches(p, nullptr));
  finish();
  std::vector<double> got, rounded;
  for (T v : dst.read()) got.push_back(value_of(v));
  for (double v : want) rounded.push_back(sizeof(T) == 2 ? value_of(__float2bfloat16(float(v))) : v);
  verdict.same(name + (sizeof(T) == 2 ? " in bfloat16" : " in float32"), got, rounded);
}

static void check(Verdict& verdict, Random& random, const Shape& s) {
  ref::Image picture(s.width, s.height);
  for (uint8_t& v : picture.pixels) v = uint8_t(random.below(4) ? random.below(256) : 255 * random.below(2));
  std::vector<float> levels(768);
  for (float& v : levels) v = random.normal(2);

  ref::Image host = ref::put(picture, s.under.width, s.under.height, s.under.left, s.under.top, s.under.colour);
  Buffer<uint8_t> pixels(picture.pixels);
  Buffer<float> device_levels(levels);
  PatchParams p = {{}, {pixels.data, s.width, s.height, s.under}, {}, false, s.on, s.tiles, device_levels.data};
  std::vector<bool> steps;  // the directions that change, in their order
  for (bool down : {s.down_first, !s.down_first})
    if (down ? s.to_height != s.under.height : s.to_width != s.under.width) steps.push_back(down);
  const ref::Taps across = ref::taps(s.curve, s.under.width, s.to_width), down = ref::taps(s.curve, s.under.height, s.to_height);
  DeviceTaps device_across(across), device_down(down);
  Buffer<uint8_t> half(steps.size() == 2 ? size_t(3) * (steps[0] ? s.under.width : s.to_width) * (steps[0] ? s.to_height : s.under.height) : 1);
  if (steps.size() == 2) {
    host = ref::resample(host, steps[0] ? down : across, steps[0]);
    REQUIRE(run_resample(half.data, p.from, (steps[0] ? device_down : device_across).view(), steps[0], nullptr));
    finish();
    verdict.same(name_of(s) + " half resized", half.read(), host.pixels);
    p.from = {half.data, host.width, host.height, {host.width, host.height, 0, 0, {}}};
  }
  if (!steps.empty()) {
    host = ref::resample(host, steps.back() ? down : across, steps.back());
    p.taps = (steps.back() ? device_down : device_across).view(), p.down = steps.back();
  }
  host = ref::put(host, s.on.width, s.on.height, s.on.left, s.on.top, s.on.colour);
  const std::vector<double> want = ref::patches(host, s.tiles.width, s.tiles.height, s.tiles.patch, levels);
  cut<bf16>(verdict, name_of(s), s, p, AIRCACHE_BF16, want);
  cut<float>(verdict, name_of(s), s, p, AIRCACHE_F32, want);
}

static PictureGround whole(int width, int height) { return {width, height, 0, 0, {}}; }
static PictureGround middle(int width, int height, int on_width, int on_height) { return {on_width, on_height, (on_width - width) / 2, (on_height - height) / 2, {120, 90, 201}}; }

int main() {
  Random random;
  Verdict verdict;
  const PictureTiles one{24, 24, 7}, small{12, 18, 5};
  for (auto size : {std::pair{1, 1}, std::pair{1, 400}, std::pair{400, 1}, std::pair{31, 33}, std::pair{24, 24}, std::pair{65, 24}, std::pair{100, 90}}) {
    const int w = size.first, h = size.second, side = std::max(w, h);
    for (bool down_first : {false, true}) {
      check(verdict, random, {w, h, whole(w, h), 24, 24, ref::kCubic, down_first, whole(24, 24), one});
      check(verdict, random, {w, h, middle(w, h, side, side), 24, 24, ref::kCubic, down_first, whole(24, 24), one});
      check(verdict, random, {w, h, whole(w, h), 31, 17, ref::kTriangle, down_first, middle(31, 17, 36, 36), small});
      check(verdict, random, {w, h, whole(w, h), 31, h, ref::kCubic, down_first, middle(31, h, 24, 36), small});
      check(verdict, random, {w, h, whole(w, h), w, 40, ref::kTriangle, down_first, middle(w, 40, 48, 18), small});
    }
    check(verdict, random, {w, h, middle(w, h, 24, 48), 24, 48, ref::kCubic, false, whole(24, 48), one});
  }
  if (std::getenv("AIRCACHE_FEW")) return verdict.report("picture");
  check(verdict, random, {1, 4000, whole(1, 4000), 3, 384, ref::kCubic, true, middle(3, 384, 384, 384), {384, 384, 14}});
  check(verdict, random, {403, 211, whole(403, 211), 768, 402, ref::kCubic, false, middle(768, 402, 768, 768), {384, 384, 14}});
  check(verdict, random, {700, 500, whole(700, 500), 336, 336, ref::kTriangle, true, whole(336, 336), {28, 28, 14}});
  return verdict.report("picture");
}
