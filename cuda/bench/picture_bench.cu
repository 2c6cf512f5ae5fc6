// From a decoded picture on the device to patches in bfloat16: one frame squeezed into a tile, one in a grid of tiles.
#include "../src/picture.h"

#include "../ref/picture.h"
#include "bench.h"

using namespace aircache;

struct DeviceTaps {
  Buffer<int> first, start, share;
  explicit DeviceTaps(const ref::Taps& t) : first(t.first), start(t.start), share(t.share) {}
  PictureTaps view() const { return {first.data, start.data, share.data, int(first.size)}; }
};

// measure resizes a picture by Keys' cubic, rows first, and lays it out in tiles of 384 x 384; it counts the picture, the half resized
// one twice, and the patches.
static void measure(Report& report, Random& random, const char* name, int width, int height, int to_width, int to_height, int columns, int lines) {
  constexpr int kSide = 384, kPatch = 14, kPatches = (kSide / kPatch) * (kSide / kPatch), kValues = 3 * kPatch * kPatch;
  std::vector<uint8_t> noise(size_t(width) * height * 3);
  for (uint8_t& v : noise) v = uint8_t(random.below(256));
  std::vector<float> levels(768);
  for (float& v : levels) v = random.normal();
  Buffer<uint8_t> picture(noise), half(size_t(to_width) * height * 3);
  Buffer<float> device_levels(levels);
  const DeviceTaps across(ref::taps(ref::kCubic, width, to_width)), down(ref::taps(ref::kCubic, height, to_height));
  const int rows = columns * lines * kPatches;
  Buffer<bf16> patches(size_t(rows) * kValues);
  const PictureGround on = {columns * kSide, lines * kSide, (columns * kSide - to_width) / 2, (lines * kSide - to_height) / 2, {}};
  const PictureView from = {picture.data, width, height, {width, height, 0, 0, {}}};
  PatchParams p = {{patches.data, rows, kValues, AIRCACHE_BF16, 0}, from, {}, false, on, {kSide, kSide, kPatch}, device_levels.data};
  const bool wider = width != to_width, higher = height != to_height;
  if (wider && higher) p.from = {half.data, to_width, height, {to_width, height, 0, 0, {}}};
  if (wider || higher) p.taps = higher ? down.view() : across.view(), p.down = higher;
  const double us = microseconds([&](cudaStream_t stream) {
    if (wider && higher) REQUIRE(run_resample(half.data, from, across.view(), false, stream));
    REQUIRE(run_cut_patches(p, stream));
  });
  report.add(name, us, 3.0 * width * height + (wider && higher ? 2 * 3.0 * to_width * height : 0) + 2.0 * rows * kValues);
}

int main(int argc, char** argv) {
  Report report("picture", argc, argv);
  Random random;
  measure(report, random, "640 x 480 squeezed into 1 tile", 640, 480, 384, 384, 1, 1);
  measure(report, random, "1920 x 1080 squeezed into 1 tile", 1920, 1080, 384, 384, 1, 1);
  measure(report, random, "1920 x 1080 as it is in 5 x 3 tiles", 1920, 1080, 1920, 1080, 5, 3);
  measure(report, random, "1440 x 1440 in 3 x 3 tiles", 1440, 1440, 1152, 1152, 3, 3);
  measure(report, random, "4032 x 3024 in 6 x 5 tiles", 4032, 3024, 2304, 1728, 6, 5);
  return 0;
}
