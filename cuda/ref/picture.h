// Pillow's resampling and a tower's patches: weights in double precision, sums in whole numbers. Grounds are made in memory.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace aircache::ref {

struct Image {
  int width, height;
  std::vector<uint8_t> pixels;  // [height, width, 3]

  Image(int w, int h) : width(w), height(h), pixels(size_t(w) * h * 3) {}
  uint8_t* at(int x, int y) { return &pixels[(size_t(y) * width + x) * 3]; }
  const uint8_t* at(int x, int y) const { return &pixels[(size_t(y) * width + x) * 3]; }
};

// put lays an image on a ground of one colour.
inline Image put(const Image& from, int width, int height, int left, int top, const uint8_t colour[3]) {
  Image to(width, height);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      const int px = x - left, py = y - top;
      const bool inside = px >= 0 && px < from.width && py >= 0 && py < from.height;
      std::copy_n(inside ? from.at(px, py) : colour, 3, to.at(x, y));
    }
  return to;
}

struct Taps {
  std::vector<int> first, start, share;
};

// Curve is a filter: cubic with a = -0.5 of support 2, or the triangle of support 1.
enum Curve { kTriangle = 1, kCubic = 2 };

inline double weight(Curve c, double x) {
  x = std::fabs(x);
  if (c == kTriangle) return x < 1 ? 1 - x : 0;
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

inline Taps taps(Curve c, int from, int to) {
  Taps t;
  const double scale = double(from) / to, widen = std::max(scale, 1.0), support = c * widen;
  t.start.push_back(0);
  for (int i = 0; i < to; i++) {
    const double center = (i + 0.5) * scale;
    const int first = std::max(int(center - support + 0.5), 0), last = std::min(int(center + support + 0.5), from);
    double sum = 0;
    for (int j = first; j < last; j++) sum += weight(c, (j - center + 0.5) / widen);
    for (int j = first; j < last; j++) t.share.push_back(int(std::lround(weight(c, (j - center + 0.5) / widen) / sum * (1 << 22))));
    t.first.push_back(first);
    t.start.push_back(int(t.share.size()));
  }
  return t;
}

inline Image resample(const Image& from, const Taps& t, bool down) {
  Image to(down ? from.width : int(t.first.size()), down ? int(t.first.size()) : from.height);
  for (int y = 0; y < to.height; y++)
    for (int x = 0; x < to.width; x++)
      for (int channel = 0; channel < 3; channel++) {
        const int i = down ? y : x;
        int64_t sum = 1 << 21;
        for (int j = t.start[i]; j < t.start[i + 1]; j++) {
          const int source = t.first[i] + j - t.start[i];
          sum += int64_t(t.share[j]) * (down ? from.at(x, source) : from.at(source, y))[channel];
        }
        to.at(x, y)[channel] = uint8_t(std::clamp<int64_t>(sum >> 22, 0, 255));
      }
  return to;
}

// patches are rows of [3, patch, patch] values, tile by tile.
inline std::vector<double> patches(const Image& from, int tile_width, int tile_height, int patch, const std::vector<float>& levels) {
  std::vector<double> rows;
  for (int top = 0; top < from.height; top += tile_height)
    for (int left = 0; left < from.width; left += tile_width)
      for (int y = 0; y + patch <= tile_height; y += patch)
        for (int x = 0; x + patch <= tile_width; x += patch)
          for (int channel = 0; channel < 3; channel++)
            for (int i = 0; i < patch * patch; i++) rows.push_back(levels[256 * channel + from.at(left + x + i % patch, top + y + i / patch)[channel]]);
  return rows;
}

}  // namespace aircache::ref
