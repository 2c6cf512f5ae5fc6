// Pictures: resampling along one direction, and the patches of a frame with the last direction inside. All sums are whole numbers,
// so the bits are those of runtime/image/raster, the oracle.
#pragma once

#include "../src/picture.h"
#include "values.cuh"

namespace aircache {

constexpr int kShareBits = 22;

struct Rgb {
  int r, g, b;
};

__device__ __forceinline__ Rgb read_pixel(const uint8_t* at) { return {at[0], at[1], at[2]}; }
__device__ __forceinline__ Rgb colour_of(const PictureGround& g) { return {g.colour[0], g.colour[1], g.colour[2]}; }

// pixel_at is what the ground shows at a place: the picture, or the ground's colour beside it.
__device__ __forceinline__ Rgb pixel_at(const PictureView& v, int x, int y) {
  x -= v.ground.left, y -= v.ground.top;
  if (unsigned(x) >= unsigned(v.width) || unsigned(y) >= unsigned(v.height)) return colour_of(v.ground);
  return read_pixel(v.pixels + (int64_t(y) * v.width + x) * 3);
}

__device__ __forceinline__ int rounded(int sum) {
  const int v = sum >> kShareBits;
  return v < 0 ? 0 : v > 255 ? 255 : v;
}

// resampled is a pixel of the ground made longer or shorter: across, x counts resized columns; down, y counts resized rows.
template <bool kDown>
__device__ __forceinline__ Rgb resampled(const PictureView& v, const PictureTaps& t, int x, int y) {
  const int i = kDown ? y : x, first = t.first[i], from = t.start[i], n = t.start[i + 1] - from;
  Rgb sum = {1 << (kShareBits - 1), 1 << (kShareBits - 1), 1 << (kShareBits - 1)};
  for (int j = 0; j < n; j++) {
    const int share = t.share[from + j];
    const Rgb p = kDown ? pixel_at(v, x, first + j) : pixel_at(v, first + j, y);
    sum.r += p.r * share, sum.g += p.g * share, sum.b += p.b * share;
  }
  return {rounded(sum.r), rounded(sum.g), rounded(sum.b)};
}

// resample: a thread a pixel of the result; the grid's second dimension is its rows.
template <bool kDown>
__global__ void resample(PictureView from, PictureTaps taps, uint8_t* to, int width) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y;
  if (x >= width) return;
  const Rgb p = resampled<kDown>(from, taps, x, y);
  uint8_t* at = to + (int64_t(y) * width + x) * 3;
  at[0] = uint8_t(p.r), at[1] = uint8_t(p.g), at[2] = uint8_t(p.b);
}

enum PictureStep { kAsItIs, kAcross, kDownwards };

// cut_patches: a block a patch, a thread a pixel of it. Neighbouring threads write neighbouring values of a channel.
template <PictureStep kStep, class T>
__global__ void cut_patches(T* dst, PictureView from, PictureTaps taps, PictureGround on, int width, int height, PictureTiles tiles, const float* levels) {
  const int columns = tiles.width / tiles.patch, in_tile = columns * (tiles.height / tiles.patch);
  const int tile = blockIdx.x / in_tile, patch = blockIdx.x % in_tile, across = on.width / tiles.width;
  const int left = tile % across * tiles.width + patch % columns * tiles.patch - on.left;
  const int top = tile / across * tiles.height + patch / columns * tiles.patch - on.top;
  const int area = tiles.patch * tiles.patch;
  T* to = dst + int64_t(blockIdx.x) * 3 * area;
  for (int i = threadIdx.x; i < area; i += blockDim.x) {
    const int x = left + i % tiles.patch, y = top + i / tiles.patch;
    Rgb p = colour_of(on);
    if (unsigned(x) < unsigned(width) && unsigned(y) < unsigned(height)) {
      if (kStep == kAsItIs) p = pixel_at(from, x, y);
      if (kStep == kAcross) p = resampled<false>(from, taps, x, y);
      if (kStep == kDownwards) p = resampled<true>(from, taps, x, y);
    }
    to[i] = from_float<T>(levels[p.r]);
    to[area + i] = from_float<T>(levels[256 + p.g]);
    to[2 * area + i] = from_float<T>(levels[512 + p.b]);
  }
}

}  // namespace aircache
